/** What several measurements of one thing come to. */

/** The value that `share` of all lie below: 0 is the least, 0.5 the median, 1 the most. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at % 1);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** "1.22 (1.18 to 1.27)": median, least and most. */
export function spread(values: readonly number[], digits: number): string {
  const [least, middle, most] = [0, 0.5, 1].map((share) => quantile(values, share).toFixed(digits));
  return `${middle} (${least} to ${most})`;
}
