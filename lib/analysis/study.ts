/** What every experiment starts from: a model, pictures, activations at a hook point, an SAE on them, its statistics; whatever is there already is reused. */
import { type Clip, loadClip } from "../clip";
import { type Dataset, type LabelColumn, openDataset } from "../datasets";
import type { Activations } from "../io";
import {
  type ActivationSource,
  defaultRunFolder,
  loadSae,
  RunFolder,
  type Sae,
  type SaeTrainingOptions,
  type TrainingMetrics,
  trainSae,
} from "../sae";
import { collectClassTokens } from "./collect";
import { type FeatureStatistics, featureStatistics } from "./feature-statistics";

export interface StudyParameters {
  /** As `loadClip` takes it. */
  model: string;
  /** As `openDataset` takes it. */
  dataset: string;
  /** `blocks.N.hook_resid_post`, N counted from 0. */
  hookPoint: string;
  /** Views of each picture that the SAE is trained on; the first is the picture itself. */
  viewsPerPicture: number;
  /** How the SAE is trained, or a folder in SAELens's format that holds one, or the SAE itself. */
  sae: SaeTrainingOptions | string | Sae;
  /** The kind of label that entropies and majority labels are about, as "subgroup". */
  label: string;
  /** The augmented views follow from it. */
  seed: number;
  /** Strongest pictures kept for each feature. Default 20 (Fry, 2024). */
  topK?: number;
}

export type StudyStage = "activations" | "training" | "statistics";

export interface StudyOptions {
  /** Told as each stage goes on; `cached` when nothing had to be computed. */
  onProgress?: (stage: StudyStage, progress: { done: number; total: number; cached: boolean }) => void;
  /** Told each metrics record of a training, those of its past included. */
  onMetrics?: (metrics: TrainingMetrics) => void;
  signal?: AbortSignal;
}

export interface Study {
  clip: Clip;
  pictures: Dataset;
  /** Of all views; the first `pictures.size` rows are the pictures as they are. */
  activations: Activations;
  /** Of the pictures as they are. */
  originals: Activations;
  sae: Sae;
  /** Over the pictures as they are. */
  statistics: FeatureStatistics;
  labels: LabelColumn;
  /** Where the SAE is: a run folder's `sae`, or the folder that was given; undefined for one that was given itself. */
  saeFolder?: string;
}

/**
 * Opens or computes all of it. Activations, the SAE and the statistics are cached by the hash of all they depend on, so that a rerun with the
 * same parameters computes nothing. The caller disposes `clip` and `sae`. Throws when the data set has no labels of that kind.
 */
export async function openStudy(parameters: StudyParameters, options: StudyOptions = {}): Promise<Study> {
  const { hookPoint, viewsPerPicture: views, seed, topK } = parameters;
  const { signal, onProgress = () => {} } = options;
  const clip = await loadClip(parameters.model);
  const pictures = await openDataset(parameters.dataset, {
    geometry: clip.preprocessor,
    onCorrupt: (_, reason) => console.error(`skipped ${reason}`),
  });
  const labels = pictures.labels[parameters.label];
  if (!labels) {
    const kinds = Object.keys(pictures.labels).join(", ");
    clip.dispose();
    throw new Error(
      `openStudy: expected a label of ${parameters.dataset} (${kinds}), got "${parameters.label}"`,
    );
  }
  const activations = await collectClassTokens({
    clip,
    dataset: pictures,
    hookPoint,
    views,
    seed,
    signal,
    onProgress: (progress) => onProgress("activations", progress),
  });
  const originals = activations.slice(0, pictures.size);
  const { sae, folder } = await openOrTrainSae(activations, parameters, options);
  const statistics = await featureStatistics(sae, originals, {
    topK,
    signal,
    onProgress: (progress) => onProgress("statistics", progress),
  });
  return { clip, pictures, activations, originals, sae, statistics, labels, saeFolder: folder };
}

/**
 * The SAE of `parameters.sae` on `source`: itself, read from its folder, or from the run of those options and rows, or trained now. The caller
 * disposes it.
 */
export async function openOrTrainSae(
  source: ActivationSource,
  {
    sae: wanted,
    model,
    hookPoint,
    dataset,
  }: Pick<StudyParameters, "sae" | "model" | "hookPoint" | "dataset">,
  { onProgress = () => {}, onMetrics = () => {}, signal }: StudyOptions = {},
): Promise<{ sae: Sae; folder?: string }> {
  if (typeof wanted === "string") return { sae: await loadSae(wanted), folder: wanted };
  if ("weights" in wanted) return { sae: wanted };
  const runFolder = defaultRunFolder(wanted, source);
  const cached = new RunFolder(runFolder).isFinished();
  const { sae } = await trainSae(source, wanted, {
    runFolder,
    metadata: { model_name: model, hook_name: hookPoint, dataset_path: dataset },
    signal,
    onMetrics: (metrics) => {
      onMetrics(metrics);
      onProgress("training", { done: metrics.step, total: wanted.steps ?? metrics.step, cached });
    },
  });
  return { sae, folder: `${runFolder}/sae` };
}
