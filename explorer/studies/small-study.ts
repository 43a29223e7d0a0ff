/** The shipped model and SAE over a few hundred emoji: a study small enough for tests. */
import { collectClassTokens, featureStatistics } from "../../lib/analysis";
import { loadClip } from "../../lib/clip";
import { type Dataset, openDataset } from "../../lib/datasets";
import { loadSae } from "../../lib/sae";
import type { ExplorerStudy } from "../explore";

/** The first `count` pictures. The caller disposes it. */
export async function smallStudy(count = 300): Promise<ExplorerStudy> {
  const [clip, sae] = [await loadClip("emoji-clip"), await loadSae("emoji-sae")];
  const emoji = await openDataset("emoji", { geometry: clip.preprocessor });
  const { names, index } = emoji.labels.subgroup;
  const labels = { names, index: index.subarray(0, count) };
  const pictures = new Proxy(emoji, {
    // Methods belong to the data set itself, which has private parts.
    get: (whole, key) => {
      if (key === "size") return count;
      if (key === "hash") return `${whole.hash}-${count}`;
      const value = whole[key as keyof Dataset] as unknown;
      return typeof value === "function" ? value.bind(whole) : value;
    },
  });
  const hookPoint = "blocks.4.hook_resid_post";
  const originals = await collectClassTokens({ clip, dataset: pictures, hookPoint, views: 1, seed: 0 });
  const statistics = await featureStatistics(sae, originals, { topK: 20 });
  const about = {
    ...{ title: "emoji-sae", model: "emoji-clip", hookPoint, label: "subgroup", prompt: "an emoji of {}" },
    architecture: "topk",
  };
  const dispose = () => {
    clip.dispose();
    sae.dispose();
  };
  return { clip, sae, pictures, originals, statistics, labels, about, dispose };
}
