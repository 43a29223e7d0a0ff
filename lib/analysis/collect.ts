/** From a model and a data set to the activations that an SAE learns from: computed once, then read from disk. */
import {
  type ActivationRowOptions,
  activationRowShape,
  activationRows,
  type Clip,
  GENTLE_AUGMENTATION,
} from "../clip";
import { type Dataset, readPictures } from "../datasets";
import {
  type ActivationKey,
  type ActivationOptions,
  type Activations,
  openOrComputeActivations,
} from "../io";

export interface CollectOptions
  extends Pick<ActivationOptions, "dir" | "folder" | "dtype" | "onProgress" | "signal">,
    Pick<ActivationRowOptions, "hookPoint" | "views" | "seed"> {
  clip: Clip;
  dataset: Dataset;
  /** Which tokens of each picture; see `ActivationRowOptions`. Default "class". */
  tokens?: ActivationRowOptions["tokens"];
  /** How many of the data set's pictures, from the first on. Default: all. */
  pictures?: number;
}

/**
 * The values at a hook point of every picture in every view, [views·P·R, W] with R rows a picture: row (v·P + p)·R + r is row r of view v of
 * picture p, so that `slice(0, P·R)` is the data set as it is. Stored by the content of weights, preprocessing, pictures and options.
 */
export async function collectActivations(options: CollectOptions): Promise<Activations> {
  const { clip, dataset, hookPoint, views, seed, tokens = "class", pictures = dataset.size } = options;
  if (!(Number.isInteger(pictures) && pictures > 0 && pictures <= dataset.size)) {
    throw new Error(
      `collectActivations: expected 1 to ${dataset.size} pictures of ${dataset.name}, got ${pictures}`,
    );
  }
  const { perPicture, width } = activationRowShape(clip, { hookPoint, tokens });
  const read = (indices: readonly number[]) => readPictures(dataset, indices, clip.preprocessor);
  const { dir, folder, dtype, onProgress, signal } = options;
  return await openOrComputeActivations({
    key: {
      model: clip.hash,
      preprocessing: { ...clip.preprocessor } as ActivationKey,
      data: dataset.hash,
      pictures,
      hookPoint,
      tokens,
      views,
      // The picture itself has no randomness: with one view neither seed nor augmentation matters.
      ...(views > 1 && { seed, augmentation: { ...GENTLE_AUGMENTATION } }),
    },
    rows: views * pictures * perPicture,
    width,
    compute: (from) => activationRows(clip, { hookPoint, tokens, pictures, views, seed, read }, from),
    dir,
    folder,
    dtype,
    onProgress,
    signal,
  });
}

/** `collectActivations` of the class token: a row a view of a picture. */
export function collectClassTokens(options: Omit<CollectOptions, "tokens">): Promise<Activations> {
  return collectActivations({ ...options, tokens: "class" });
}
