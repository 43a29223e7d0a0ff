/** From an SAE to its page, and to the server behind it: what `npx vitrine explore` and `explore(sae)` in a cell share. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { featureFirings, featureKey, openStudy, type Study } from "../lib/analysis";
import { type ActivationSource, readSaeSettings, type Sae } from "../lib/sae";
import { atlas } from "./build/atlas";
import { buildPage, filesOfPage, pictureRows } from "./build/build-page";
import { describedFeatures } from "./build/descriptions";
import { playGame } from "./build/game";
import { type FeatureHeatmapsOptions, featureHeatmaps } from "./build/heatmaps";
import { keptColumns } from "./build/kept-columns";
import { type MeasuredCore, measureFeatures, withExtras } from "./build/measure";
import { visualisedFeatures } from "./build/visualised";
import type { Manifest } from "./format/page-format";
import { LiveModels, pictureEmbeddings } from "./live/live";
import { liveApi } from "./live/live-api";
import { notesApi } from "./live/notes-api";
import { type PageServer, servePage } from "./live/server";

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

/** What the explorer needs of a study. */
export type StudyParts = Pick<Study, "clip" | "sae" | "pictures" | "originals" | "statistics" | "labels">;

/** The same, with what the options came to. */
export interface ExplorerStudy extends StudyParts {
  about: Pick<Manifest, "title" | "model" | "hookPoint" | "architecture" | "label" | "prompt">;
  /** Frees what was opened here: the model, and an SAE that was given by its name. */
  dispose(): void;
}

/** Opens what the page is made from; activations and statistics are cached. Of a study only what its SAE reads is asked for. */
export async function openForPage(
  given: string | Sae | StudyParts,
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

function kindOf({ pictures, labels }: StudyParts): string {
  return Object.keys(pictures.labels).find((kind) => pictures.labels[kind] === labels) ?? "label";
}

export interface MakeOptions extends Pick<ExploreOptions, "onProgress" | "signal"> {
  /** Strongest pictures of each feature that get a heatmap, and its samples if any do; the model runs some ten times for each picture. Default 16. */
  heatmaps?: number;
  /** Features whose descriptions are tested by ablation, those that fire most often; the model runs 16 times for each. Default 4,096. */
  tested?: number;
  /** Features that a picture is made for by gradient ascent. Default: none. */
  visualise?: readonly number[];
  /** Embeddings of all pictures [N, P]. Default: computed, and kept. */
  embeddings?: ActivationSource;
}

/** Writes the page of a study into `folder`. What takes long is kept under `.vitrine`, so that a stopped build goes on where it was. */
export async function makePage(
  folder: string,
  study: ExplorerStudy,
  options: MakeOptions = {},
): Promise<Manifest> {
  const {
    heatmaps: strongest = 16,
    tested = 4096,
    visualise = [],
    embeddings: given,
    onProgress,
    signal,
  } = options;
  const { sae, originals, pictures, labels, about, statistics } = study;
  const { hookPoint, prompt } = about;
  const told = { onProgress, signal };
  const top = Math.min(20, statistics.top.k);
  // A folder of something else is refused now, not after minutes.
  await filesOfPage(folder);
  const computed = (stage: string) => ({
    signal,
    onProgress: ({ done, total, cached }: { done: number; total: number; cached: boolean }) => {
      if (!cached) onProgress?.(stage, done, total);
    },
  });
  const firings = await featureFirings(sae, originals, computed("firings"));
  const core = await measureFeatures({ ...study, firings }, { ...{ hookPoint, prompt, top }, ...told });
  const keyOf = (...what: unknown[]) => featureKey(sae, originals, "explorer/1", ...what);
  const places = await atlasOf(core, { key: await keyOf("atlas", core.sizes.neighbours), ...told });
  const embeddings = given ?? (await pictureEmbeddings(study, computed("picture embeddings")));
  const descriptions = await describedFeatures(study, {
    ...{ hookPoint, prompt, embeddings, tested, ...told },
    key: await keyOf("descriptions", prompt, top, tested),
  });
  const heatmaps = await heatmapsOf(study, core, Math.min(strongest, top), {
    ...{ hookPoint, ...told },
    key: await keyOf("heatmaps", strongest, top, core.sizes.quantiles, core.sizes.perQuantile),
  });
  const features = withExtras(core, { descriptions, atlas: places, heatmaps });
  const made = await visualisedFeatures(study, visualise, { hookPoint, ...told });
  const game = await playGame(study, told);
  return await buildPage(folder, { features, pictures, labels, about, game, made }, told);
}

/** Heatmaps of the `count` strongest pictures of each feature and of its samples, or of none. */
async function heatmapsOf(
  study: ExplorerStudy,
  { details, sizes }: MeasuredCore,
  count: number,
  options: Omit<FeatureHeatmapsOptions, "rows">,
) {
  const strongest = details.pictures.filter((_, i) => i % sizes.top < count);
  const samples = count > 0 ? details.samples : new Int32Array();
  return { count, ...(await featureHeatmaps(study, { ...options, rows: { strongest, samples } })) };
}

/** The atlas, kept: at many features it takes minutes. Who fires most often stands for its neighbourhood. */
async function atlasOf(
  { columns, details, sizes }: MeasuredCore,
  { key, onProgress, signal }: Pick<ExploreOptions, "onProgress" | "signal"> & { key: string | undefined },
) {
  const F = columns.density.length;
  const kept = { x: new Float32Array(F), y: new Float32Array(F), level: new Uint8Array(F) };
  const compute = async () => {
    const { neighbours, neighbourCosines: cosines } = details;
    const made = await atlas({
      ...{ neighbours, cosines, k: sizes.neighbours, importance: columns.density, signal },
      onProgress: (done, total) => onProgress?.("atlas", done, total),
    });
    for (const name of ["x", "y", "level"] as const) kept[name].set(made[name]);
  };
  return await keptColumns({ stage: "atlas", key, columns: kept, rows: 1, size: 1, compute, signal });
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
  const { api, idle } = liveApi(live);
  const notesOf = { title: study.about.title, features: study.sae.config.dSae };
  const server = await servePage(folder, { port, framed, api: [api, notesApi(folder, notesOf)] });
  return {
    url: server.url,
    async close() {
      await server.close();
      // With the connections gone nobody waits for what is computed: it ends soon.
      await idle();
      live.dispose();
    },
  };
}

/** A folder's own name: the page goes to others, whom this machine's paths do not concern. */
function publicName(where: string): string {
  return existsSync(where) ? basename(resolve(where)) : where;
}
