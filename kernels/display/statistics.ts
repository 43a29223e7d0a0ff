/** What the values of a tensor or typed array are like, in a line. */

/** Of more values than these a sample of evenly spaced ones is looked at. */
export const sampleSize = 2 ** 22;

/** Minimum, mean, maximum and population standard deviation of the finite values; the others are counted. Empty for fewer than 2. */
export function statisticsOf(values: ArrayLike<number>): string {
  let [count, mean, squares, min, max] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let notNumbers = 0;
  for (let i = 0; i < values.length; i += 1) {
    const x = values[i];
    if (!Number.isFinite(x)) {
      if (Number.isNaN(x)) notNumbers += 1;
      continue;
    }
    count += 1;
    const delta = x - mean;
    mean += delta / count;
    squares += delta * (x - mean);
    if (x < min) min = x;
    if (x > max) max = x;
  }
  const infinite = values.length - count - notNumbers;
  const parts = [];
  if (count >= 2) {
    const deviation = Math.sqrt(squares / count);
    parts.push(`min ${short(min)}, mean ${short(mean)}, max ${short(max)}, std ${short(deviation)}`);
  }
  if (notNumbers > 0) parts.push(`${notNumbers} NaN`);
  if (infinite > 0) parts.push(`${infinite} infinite`);
  return parts.join(", ");
}

/** The first values, comma-separated. */
export function previewOf(values: ArrayLike<number | string | bigint>, length: number, count = 8): string {
  const first = Array.from({ length: Math.min(count, values.length) }, (_, i) => short(values[i]));
  return first.join(", ") + (length > first.length ? ", …" : "");
}

/** Five digits of a number. */
function short(value: number | string | bigint): string {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "number" ? String(Number(value.toPrecision(5))) : JSON.stringify(value);
}
