/** How mixed the labels of a feature's strongest rows are. */
import { Random } from "../tensor";
import type { FeatureTop, TopExamples } from "./top-examples";

export interface LabelEntropyOptions {
  /** With fewer rows the entropy is NaN. Default 10 (Fry, 2024). */
  minimumRows?: number;
}

/**
 * -Σ_c p_c ln p_c in nats, with p_c the share of label c in the sum of the top activations (Fry, 2024, on the top 20):
 * 0 when all have one label, ln(rows) when all differ and fire alike. `labels` has a number for each row.
 */
export function labelEntropy(
  { rows, activations }: FeatureTop,
  labels: ArrayLike<number>,
  { minimumRows = 10 }: LabelEntropyOptions = {},
): number {
  if (rows.length < minimumRows) return Number.NaN;
  const shares = new Map<number, number>();
  let total = 0;
  rows.forEach((row, i) => {
    const label = labels[row];
    if (label === undefined)
      throw new Error(`labelEntropy: expected a label for row ${row}, got ${labels.length} labels`);
    shares.set(label, (shares.get(label) ?? 0) + activations[i]);
    total += activations[i];
  });
  let entropy = 0;
  for (const share of shares.values()) entropy -= (share / total) * Math.log(share / total);
  return Math.max(0, entropy);
}

/** `labelEntropy` of every feature [F]; NaN where there are too few rows. */
export function labelEntropies(
  top: TopExamples,
  labels: ArrayLike<number>,
  options: LabelEntropyOptions = {},
): Float64Array {
  return Float64Array.from({ length: top.dSae }, (_, feature) =>
    labelEntropy(top.feature(feature), labels, options),
  );
}

/**
 * `labelEntropy` with Miller and Madow's correction for few samples, + (m - 1) / 2n: m labels were seen and n = (Σa)² / Σa² is how many
 * equally strong rows the weighted ones are worth (Kish, 1965). Twenty rows cannot show more than ln 20 nats otherwise, so features that mix
 * many labels look alike without it. In nats; NaN below `minimumRows`.
 */
export function labelEntropyCorrected(
  top: FeatureTop,
  labels: ArrayLike<number>,
  options: LabelEntropyOptions = {},
): number {
  const entropy = labelEntropy(top, labels, options);
  const seen = new Set(Array.from(top.rows, (row) => labels[row])).size;
  let [sum, squares] = [0, 0];
  for (const activation of top.activations) {
    sum += activation;
    squares += activation * activation;
  }
  return entropy + ((seen - 1) * squares) / (2 * sum * sum);
}

/** `labelEntropyCorrected` of every feature [F]; NaN where there are too few rows. */
export function labelEntropiesCorrected(
  top: TopExamples,
  labels: ArrayLike<number>,
  options: LabelEntropyOptions = {},
): Float64Array {
  return Float64Array.from({ length: top.dSae }, (_, feature) =>
    labelEntropyCorrected(top.feature(feature), labels, options),
  );
}

/**
 * What the entropies would be if features fired on random pictures: `labelEntropies` with the labels shuffled over all rows, so that
 * each feature keeps its activations and each label its frequency [F].
 */
export function shuffledLabelEntropies(
  top: TopExamples,
  labels: ArrayLike<number>,
  { seed = 42, ...options }: LabelEntropyOptions & { seed?: number } = {},
): Float64Array {
  const shuffled = new Random(seed).fork("shuffled-labels").shuffle(Int32Array.from(labels));
  return labelEntropies(top, shuffled, options);
}
