/** Bounds, ticks and colours of the map. */

/** Viridis at 0, 0.25, 0.5, 0.75 and 1 (Smith and van der Walt, 2015; CC0), red, green, blue. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** Smallest and largest finite value with `margin` of their distance around them, apart where there is one only; 0 to 1 without any. */
export function range(values: ArrayLike<number>, margin = 0.02): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  if (low > high) return [0, 1];
  const space = low === high ? 0.5 : (high - low) * margin;
  return [low - space, high + space];
}

/** Round numbers in a range, some `count` of them. */
export function ticks([low, high]: readonly [number, number], count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const places = Math.max(0, -Math.floor(Math.log10(step)));
  const out: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) out.push(Number((i * step).toFixed(places)));
  return out;
}

/** CSS colour of a share from 0 to 1. */
export function colour(share: number): string {
  const at = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const [from, to] = [VIRIDIS[Math.floor(at)], VIRIDIS[Math.ceil(at)]];
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * (at % 1))).join(" ")})`;
}
