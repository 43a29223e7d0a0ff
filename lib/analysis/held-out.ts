/** Which rows an SAE learns from and which it is measured on. */
import type { Dataset } from "../datasets";
import { type ActivationSource, rowsOfSource, type Sae } from "../sae";
import { Random } from "../tensor";
import { evaluateSae } from "./evaluate";

/** Numbers of pictures for training and for measuring; some may be in neither. */
export interface PictureSplit {
  train: Uint32Array;
  heldOut: Uint32Array;
  /** Names the split, as part of a run's data. */
  name: string;
}

/**
 * The data set's own split where its records have one ("train", "heldOut"; others are left out, as they give a held-out
 * picture away), else a seeded share of the pictures.
 */
export function splitOf(
  dataset: Pick<Dataset, "size" | "record">,
  { share = 0.05, seed = 42 }: { share?: number; seed?: number } = {},
): PictureSplit {
  const first = dataset.record(0);
  if ("split" in first) {
    const numbers = Array.from({ length: dataset.size }, (_, i) => i);
    const of = (split: string) =>
      Uint32Array.from(numbers.filter((i) => Reflect.get(dataset.record(i), "split") === split));
    return { train: of("train"), heldOut: of("heldOut"), name: "own-split" };
  }
  return splitAtRandom(dataset.size, share, seed);
}

/** A seeded share of `count` things as held-out ones. */
export function splitAtRandom(count: number, share: number, seed: number): PictureSplit {
  const held = Math.round(count * share);
  if (!(held > 0 && held < count)) {
    throw new Error(
      `splitAtRandom: expected a share that leaves both parts something, got ${share} of ${count}`,
    );
  }
  const order = new Random(seed).fork("held-out").permutation(count);
  return {
    heldOut: order.slice(0, held).sort(),
    train: order.slice(held).sort(),
    name: `share-${share}-seed-${seed}`,
  };
}

/** Training rows in all views, and held-out ones as they are. */
export interface SplitRows {
  train: ActivationSource;
  heldOut: ActivationSource;
}

/** Splits rows that lie view after view, row v·P + p being picture p (`collectClassTokens`). */
export function splitRows(activations: ActivationSource, pictures: number, split: PictureSplit): SplitRows {
  const views = activations.rows / pictures;
  if (!Number.isInteger(views)) {
    throw new Error(`splitRows: expected whole views of ${pictures} pictures, got ${activations.rows} rows`);
  }
  const train = new Uint32Array(views * split.train.length);
  for (let view = 0; view < views; view++) {
    split.train.forEach((picture, i) => {
      train[view * split.train.length + i] = view * pictures + picture;
    });
  }
  return {
    train: rowsOfSource(activations, train, `train-${split.name}`),
    heldOut: rowsOfSource(activations, split.heldOut, `held-out-${split.name}`),
  };
}

/** An `evaluate` for training: reconstruction and density over `heldOut`. */
export function heldOutEvaluation(
  heldOut: ActivationSource,
  signal?: AbortSignal,
): (sae: Sae) => Promise<Record<string, number>> {
  return async (sae) => {
    const { fvu, l0, l1, mse, cosine, deadFeatures, relativeReconstructionBias } = await evaluateSae(
      sae,
      heldOut,
      { topK: 1, signal },
    );
    return { fvu, l0, l1, mse, cosine, silentFeatures: deadFeatures, relativeReconstructionBias };
  };
}
