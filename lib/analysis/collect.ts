/** From a model and a data set to the activations that an SAE learns from: computed once, then read from disk. */
import { activationRows, type Clip, GENTLE_AUGMENTATION } from "../clip";
import type { Dataset } from "../datasets";
import { type ActivationProgress, type Activations, openOrComputeActivations } from "../io";

export interface CollectOptions {
  clip: Clip;
  dataset: Dataset;
  /** `blocks.N.hook_resid_post`, N counted from 0. */
  hookPoint: string;
  /** Views of each picture: the first is the picture itself, the others are gently augmented. */
  views: number;
  /** The augmented views follow from it. */
  seed: number;
  /** Folder of all caches. Default: `.vitrine/activations` in the project. */
  dir?: string;
  onProgress?: (progress: ActivationProgress) => void;
  /** Stops between blocks; finished shards stay. */
  signal?: AbortSignal;
}

/**
 * The class token's residual stream of every picture in every view, [views·N, D]: row v·N + i is view v of picture i,
 * so `slice(0, N)` is the data set as it is. Cached by the content of weights, pictures and options.
 */
export async function collectClassTokens(options: CollectOptions): Promise<Activations> {
  const { clip, dataset, hookPoint, views, seed, dir, onProgress, signal } = options;
  const [height, width] = dataset.pictureShape;
  const size = height * width * 3;
  const read = async (indices: readonly number[]) => {
    const bytes = await dataset.pictures(indices);
    return indices.map((_, i) => ({ data: bytes.subarray(i * size, (i + 1) * size), width, height }));
  };
  const source = { hookPoint, tokens: "class" as const, pictures: dataset.size, views, seed, read };
  return await openOrComputeActivations({
    key: {
      model: clip.hash,
      data: dataset.hash,
      hookPoint,
      tokens: "class",
      views,
      // The picture itself has no randomness: with one view neither seed nor augmentation matters.
      ...(views > 1 && { seed, augmentation: { ...GENTLE_AUGMENTATION } }),
    },
    rows: views * dataset.size,
    width: clip.config.vision_config.hidden_size,
    compute: (from) => activationRows(clip, source, from),
    dir,
    onProgress,
    signal,
  });
}
