/** From an SAE to its page, and to the server behind it: what `npx vitrine explore` and `explore(sae)` in a cell share. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { openStudy, type Study } from "../lib/analysis";
import { readSaeSettings, type Sae } from "../lib/sae";
import { buildPage, pictureRows } from "./build-page";
import type { Manifest } from "./format";
import { playGame } from "./game";
import { LiveModels, pictureEmbeddings } from "./live";
import { liveApi } from "./live-api";
import { measureFeatures } from "./measure";
import { type PageServer, servePage } from "./server";

export interface ExploreOptions {
  /** The model the SAE is of, as `loadClip` takes it. Default: what the SAE's metadata say. */
  model?: string;
  /** The pictures it is shown, as `openDataset` takes them. Default: what the SAE's metadata say. */
  dataset?: string;
  /** Where it reads, as blocks.4.hook_resid_post. Default: what the SAE's metadata say. */
  hookPoint?: string;
  /** What entropies and names are about. Default: "subgroup" of emoji, else "class". */
  label?: string;
  /** Text of a label, {} for its name. Default: "an emoji of {}" of emoji, else "a photo of a {}". */
  prompt?: string;
  /** What the page is called. Default: the SAE's name. */
  title?: string;
  onProgress?: (stage: string, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** A study as the explorer needs it, with what its options came to. */
export interface ExplorerStudy
  extends Pick<Study, "clip" | "sae" | "pictures" | "originals" | "statistics" | "labels"> {
  about: Pick<Manifest, "title" | "model" | "hookPoint" | "architecture" | "label" | "prompt">;
  /** Frees what was opened here: the model, and an SAE that was given by its name. */
  dispose(): void;
}

/** Opens what the page is made from; activations and statistics are cached. Of a study only what its SAE reads is asked for. */
export async function openForPage(
  given: string | Sae | Study,
  options: ExploreOptions = {},
): Promise<ExplorerStudy> {
  const { onProgress = () => {}, signal } = options;
  const isName = typeof given === "string";
  const isStudy = !isName && "statistics" in given;
  const { metadata, config } = isName ? await readSaeSettings(given) : isStudy ? given.sae : given;
  const known = (value: string | undefined, option: string): string => {
    if (value) return value;
    throw new Error(`explore: expected ${option}, because the SAE's cfg.json does not say, got none`);
  };
  const hookPoint = known(options.hookPoint ?? metadata.hook_name, "a hook point (--hook)");
  const model = known(options.model ?? metadata.model_name, "a model (--model)");
  const dataset = isStudy
    ? given.pictures.name
    : known(options.dataset ?? metadata.dataset_path, "a data set (--data)");
  const isEmoji = dataset === "emoji";
  const label = isStudy ? kindOf(given) : (options.label ?? (isEmoji ? "subgroup" : "class"));
  const prompt = options.prompt ?? (isEmoji ? "an emoji of {}" : "a photo of a {}");
  const about = {
    title: options.title ?? (isName ? publicName(given) : `SAE of ${config.dSae} features`),
    model: publicName(model),
    ...{ hookPoint, label, prompt },
    architecture: config.architecture,
  };
  if (isStudy) return { ...given, about, dispose: () => {} };
  const study = await openStudy(
    { model, dataset, hookPoint, label, viewsPerPicture: 1, seed: 42, sae: given },
    {
      signal,
      onProgress: (stage, { done, total, cached }) => {
        if (!cached) onProgress(stage, done, total);
      },
    },
  );
  const dispose = () => {
    study.clip.dispose();
    if (isName) study.sae.dispose();
  };
  return { ...study, about, dispose };
}

function kindOf({ pictures, labels }: Study): string {
  return Object.keys(pictures.labels).find((kind) => pictures.labels[kind] === labels) ?? "label";
}

/** Writes the page of a study into `folder`. */
export async function makePage(
  folder: string,
  study: ExplorerStudy,
  { onProgress, signal }: Pick<ExploreOptions, "onProgress" | "signal"> = {},
): Promise<Manifest> {
  const { pictures, labels, about, statistics } = study;
  const { hookPoint, prompt } = about;
  const told = { onProgress, signal };
  const features = await measureFeatures(study, {
    ...{ hookPoint, prompt, ...told },
    top: Math.min(20, statistics.top.k),
  });
  const game = await playGame(study, told);
  return await buildPage(folder, { features, pictures, labels, about, game }, told);
}

/** Serves the page of a study with live computing behind it, until it is closed. */
export async function serveLive(
  folder: string,
  study: ExplorerStudy,
  options: { port?: number; framed?: boolean } & Pick<ExploreOptions, "onProgress" | "signal"> = {},
): Promise<PageServer> {
  const { port, framed, onProgress = () => {}, signal } = options;
  const embeddings = await pictureEmbeddings(study, {
    signal,
    onProgress: ({ done, total, cached }) => {
      if (!cached) onProgress("picture embeddings", done, total);
    },
  });
  const { hookPoint, prompt } = study.about;
  const live = await LiveModels.open(study, embeddings, {
    hookPoint,
    prompt,
    rows: await pictureRows(folder),
  });
  const server = await servePage(folder, { port, framed, api: [liveApi(live)] });
  return {
    url: server.url,
    async close() {
      await server.close();
      live.dispose();
    },
  };
}

/** A folder's own name: the page goes to others, whom this machine's paths do not concern. */
function publicName(where: string): string {
  return existsSync(where) ? basename(resolve(where)) : where;
}
