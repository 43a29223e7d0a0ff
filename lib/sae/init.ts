/** Where training starts: Kaiming-uniform weights, and a decoder bias at the centre of the data. */
import type { BDecInit } from "./options";

export interface GeometricMedianOptions {
  /** Stops when a step moves the estimate by less than this share of its distance to the rows. Default 1e-6. */
  tolerance?: number;
  /** Stops after this many steps in any case. Default 500. */
  maxIterations?: number;
}

/**
 * The point m with the least Σ_i ‖x_i - m‖₂, by Weiszfeld's iteration in float64, from the mean.
 * `rows` [N·D] -> [D]. A row that the estimate falls onto is left out of that step, as in Weiszfeld (1937).
 */
export function geometricMedian(
  rows: Float32Array,
  width: number,
  { tolerance = 1e-6, maxIterations = 500 }: GeometricMedianOptions = {},
): Float32Array {
  const count = rows.length / width;
  let estimate = meanOf64(rows, width);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const next = new Float64Array(width);
    let weights = 0;
    for (let i = 0; i < count; i++) {
      let squared = 0;
      for (let d = 0; d < width; d++) squared += (rows[i * width + d] - estimate[d]) ** 2;
      if (squared === 0) continue;
      const weight = 1 / Math.sqrt(squared);
      weights += weight;
      for (let d = 0; d < width; d++) next[d] += weight * rows[i * width + d];
    }
    if (weights === 0) break;
    let moved = 0;
    for (let d = 0; d < width; d++) {
      next[d] /= weights;
      moved += (next[d] - estimate[d]) ** 2;
    }
    estimate = next;
    if (Math.sqrt(moved) <= (tolerance * count) / weights) break;
  }
  return Float32Array.from(estimate);
}

/** The mean of the rows in float64. `rows` [N·D] -> [D]. */
export function meanRow(rows: Float32Array, width: number): Float32Array {
  return Float32Array.from(meanOf64(rows, width));
}

/** The start of bDec [D] for `rows` [N·D]. */
export function initialBDec(
  kind: BDecInit,
  rows: Float32Array,
  width: number,
  tolerance?: number,
): Float32Array {
  if (kind === "geometric-median") return geometricMedian(rows, width, { tolerance });
  return kind === "mean" ? meanRow(rows, width) : new Float32Array(width);
}

/**
 * Bound of PyTorch's `kaiming_uniform_` with gain √2: √(6 / fanIn), where fanIn is the last dimension of the matrix as
 * PyTorch holds it. For WEnc [D, F], kept as the post's code keeps it, that is F.
 */
export function kaimingBound(fanIn: number): number {
  return Math.sqrt(6 / fanIn);
}

function meanOf64(rows: Float32Array, width: number): Float64Array {
  const count = rows.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < rows.length; i += width) {
    for (let d = 0; d < width; d++) mean[d] += rows[i + d];
  }
  return mean.map((sum) => sum / count);
}
