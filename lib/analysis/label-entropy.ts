/** How mixed the labels of a feature's strongest rows are. */
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
