/** Bounds, ticks and colours of the map. */

import { SEQUENTIAL } from "../../lib/plot/colour-scales";

/** Red, green and blue at each stop of the scale that the notebooks' figures have. */
const STOPS = SEQUENTIAL.map(([at, hex]) => ({
  at,
  rgb: [1, 3, 5].map((digit) => Number.parseInt(hex.slice(digit, digit + 2), 16)),
}));

/** CSS image of the whole scale, from left to right. */
export const GRADIENT = `linear-gradient(90deg, ${SEQUENTIAL.map(([at, hex]) => `${hex} ${100 * at}%`).join(", ")})`;

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
  const value = Math.min(1, Math.max(0, share));
  const upper = Math.max(
    1,
    STOPS.findIndex(({ at }) => at >= value),
  );
  const [from, to] = [STOPS[upper - 1], STOPS[upper]];
  const part = (value - from.at) / (to.at - from.at);
  return `rgb(${from.rgb.map((low, i) => Math.round(low + (to.rgb[i] - low) * part)).join(" ")})`;
}

/** CSS colours as an image's pixels have them. */
export function paints(colours: readonly string[]): number[] {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [colours.length, 1];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("internal: no two-dimensional canvas");
  colours.forEach((css, i) => {
    context.fillStyle = css;
    context.fillRect(i, 0, 1, 1);
  });
  return [...new Uint32Array(context.getImageData(0, 0, colours.length, 1).data.buffer)];
}
