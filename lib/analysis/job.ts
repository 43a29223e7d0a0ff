/** A training described by JSON: where rows come from, what is held out, how the SAE is trained; what `npx vitrine train` reads. */
import { type Clip, loadClip } from "../clip";
import { type Dataset, openDataset } from "../datasets";
import type { ActivationProgress } from "../io";
import {
  type ActivationProducer,
  type ActivationSource,
  type MemberWatch,
  type SaeMetadata,
  type SaeTrainingOptions,
  TRAINING_ARCHITECTURES,
} from "../sae";
import { classTokenStream } from "./class-token-stream";
import { collectClassTokens } from "./collect";
import { splitOf, splitRows } from "./held-out";

export interface TrainingJob {
  /** As `loadClip` takes it. Default "emoji-clip". */
  model?: string;
  /** As `openDataset` takes it. Default "emoji". */
  dataset?: string;
  /** As blocks.4.hook_resid_post. Default: after the last block but one, as the post. */
  hookPoint?: string;
  /** Views of each picture; more give more tokens. Default 4. */
  views?: number;
  /** Makes rows while it trains, through a shuffled buffer, instead of storing them first. Default false. */
  stream?: boolean;
  /** Share of the pictures that is held out where the data set has no split of its own. Default 0.05. */
  heldOutShare?: number;
  /** Views, splits and stream orders follow from it. Default 42. */
  seed?: number;
  /** How the SAE is trained. */
  sae: SaeTrainingOptions;
  /** How the run is watched and kept: metricsEvery, checkpointEvery, keepLast, evaluateEvery, patience, … */
  watch?: Omit<MemberWatch, "onMetrics" | "onCheckpoint" | "evaluate" | "metadata"> & { bufferRows?: number };
}

/** What a job trains on. The caller disposes `clip`. */
export interface OpenJob {
  clip: Clip;
  dataset: Dataset;
  hookPoint: string;
  train: ActivationSource | ActivationProducer;
  heldOut: ActivationSource;
  metadata: SaeMetadata;
}

/** Opens or computes what a job needs. */
export async function openJob(
  job: TrainingJob,
  { onProgress, signal }: { onProgress?: (progress: ActivationProgress) => void; signal?: AbortSignal } = {},
): Promise<OpenJob> {
  const { model = "emoji-clip", dataset: name = "emoji", views = 4, seed = 42, heldOutShare: share } = job;
  const clip = await loadClip(model);
  const dataset = await openDataset(name);
  const hookPoint =
    job.hookPoint ?? `blocks.${clip.config.vision_config.num_hidden_layers - 2}.hook_resid_post`;
  const split = splitOf(dataset, { share, seed });
  const metadata = { model_name: model, hook_name: hookPoint, dataset_path: name };
  const common = { clip, dataset, hookPoint };
  const collect = { ...common, seed, onProgress, signal };
  if (job.stream) {
    const originals = await collectClassTokens({ ...collect, views: 1 });
    const { heldOut } = splitRows(originals, dataset.size, split);
    const train = classTokenStream({ ...common, pictures: split.train, seed });
    return { ...common, train, heldOut, metadata };
  }
  const activations = await collectClassTokens({ ...collect, views });
  return { ...common, ...splitRows(activations, dataset.size, split), metadata };
}

/** Short names of options on the command line. */
const SHORT: Record<string, string> = { lr: "learningRate", l1: "l1Coefficient", l0: "l0Coefficient" };
const OUTER = ["model", "dataset", "hookPoint", "views", "stream", "heldOutShare", "seed", "sae", "watch"];

/**
 * A job with `NAME=VALUE` settings in place: names with dots as they stand ("watch.patience"), others are the job's own
 * fields or else options of the SAE ("k", "lr"). "seed" sets both. Values are JSON, or text.
 */
export function withSettings(job: TrainingJob, settings: readonly string[]): TrainingJob {
  const out = structuredClone(job) as unknown as Record<string, Record<string, unknown>>;
  for (const setting of settings) {
    const at = setting.indexOf("=");
    if (at <= 0) throw new Error(`train: expected -p NAME=VALUE, got "${setting}"`);
    const [name, text] = [setting.slice(0, at), setting.slice(at + 1)];
    const value = parsed(text);
    if (name === "seed") {
      (out as Record<string, unknown>).seed = value;
      out.sae.seed = value;
    } else if (name.includes(".")) {
      const [outer, inner] = [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)];
      out[outer] ??= {};
      out[outer][SHORT[inner] ?? inner] = value;
    } else if (OUTER.includes(name)) (out as Record<string, unknown>)[name] = value;
    else out.sae[SHORT[name] ?? name] = value;
  }
  return checkJob(out as unknown, "train");
}

/** Throws unless `value` has the fields of a job and no others; the SAE's options are checked when it is trained. */
export function checkJob(value: unknown, where: string): TrainingJob {
  const job = value as Record<string, unknown>;
  const extra = Object.keys(job ?? {}).filter((key) => !OUTER.includes(key));
  if (extra.length > 0)
    throw new Error(`${where}: expected ${OUTER.join(", ")}, got also ${extra.join(", ")}`);
  const architecture = (job?.sae as { architecture?: unknown })?.architecture;
  if (!TRAINING_ARCHITECTURES.includes(architecture as never)) {
    throw new Error(
      `${where}: expected sae.architecture ${TRAINING_ARCHITECTURES.join(" or ")}, got ${JSON.stringify(architecture)}`,
    );
  }
  return job as unknown as TrainingJob;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
