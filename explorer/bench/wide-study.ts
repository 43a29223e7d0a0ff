/** A synthetic SAE as wide as the post's over as many pictures as one validation set has: what a page must be able to carry. */
import { featureStatistics } from "../../lib/analysis";
import { loadClip } from "../../lib/clip";
import { type Dataset, openDataset } from "../../lib/datasets";
import { type ActivationSource, memorySource, Sae } from "../../lib/sae";
import { Random, tf } from "../../lib/tensor";
import type { ExplorerStudy } from "../explore";

export const [WIDE_FEATURES, WIDE_PICTURES] = [65_536, 100_000];
/** Standard deviations below which a feature is silent: about 50 of 65,536 fire on a row of normal numbers. */
const BIAS = -3.17;

/**
 * Random directions in Emoji-CLIP's width read random rows; the pictures are emoji, again and again, with the labels of another each time. The caller disposes it.
 * Statistics are computed every time.
 */
export async function wideStudy(): Promise<{ study: ExplorerStudy; embeddings: ActivationSource }> {
  const clip = await loadClip("emoji-clip");
  const emoji = await openDataset("emoji", { geometry: clip.preprocessor });
  const D = clip.config.vision_config.hidden_size;
  const random = new Random("wide");
  const rowsOf = async (width: number, name: string) => {
    const x = random.fork(name).normalTensor([WIDE_PICTURES, width]);
    const data = await x.data<"float32">();
    x.dispose();
    return memorySource(data, width, `${name}/${WIDE_PICTURES}/${width}`);
  };
  const WEnc = random.normalTensor([D, WIDE_FEATURES], 0, D ** -0.5);
  const weights = {
    WEnc,
    bEnc: tf.fill([WIDE_FEATURES], BIAS),
    WDec: WEnc.transpose(),
    bDec: tf.zeros([D]),
  };
  const config = { architecture: "standard", dIn: D, dSae: WIDE_FEATURES, applyBDecToInput: true } as const;
  const sae = new Sae(config, weights);
  const originals = await rowsOf(D, "rows");
  const { names, index } = emoji.labels.subgroup;
  const drawn = random.fork("labels");
  const labels = {
    names,
    index: Int32Array.from({ length: WIDE_PICTURES }, () => index[drawn.int(emoji.size)]),
  };
  const again = (row: number) => row % emoji.size;
  const pictures = {
    name: "emoji, again and again",
    size: WIDE_PICTURES,
    hash: `${emoji.hash}-wide`,
    pictureShape: emoji.pictureShape,
    record: (row: number) => emoji.record(again(row)),
    pictures: (rows: ArrayLike<number>) => emoji.pictures(Array.from(rows, again)),
  } as unknown as Dataset;
  const statistics = await featureStatistics(sae, originals, { topK: 20, cache: false });
  const about = {
    ...{ title: "wide", model: "emoji-clip", hookPoint: "blocks.4.hook_resid_post", label: "subgroup" },
    ...{ prompt: "an emoji of {}", architecture: "standard" },
  };
  const dispose = () => {
    clip.dispose();
    sae.dispose();
  };
  const study = { clip, sae, pictures, originals, statistics, labels, about, dispose };
  const embeddings = await rowsOf(clip.config.projection_dim, "embeddings");
  return { study: study as unknown as ExplorerStudy, embeddings };
}
