/** The atlas: every feature's place in the plane by UMAP (McInnes et al., 2018) of the decoder vectors, and which feature stands for its neighbourhood at each zoom. */
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { UMAP } from "umap-js";
import { Random } from "../../lib/tensor";
import type { Atlas } from "./atlas-order";

/** Beyond this many cells in a row (2^12) features are points alone. */
export const DEEPEST = 12;
/** More features than this are laid out in fewer epochs: 65,536 would take minutes. */
const MANY = 20_000;
/** What a feature without a cell of its own has as level. */
export const NO_CELL = 255;

export interface AtlasOptions {
  /** Features with the nearest decoder vectors [F·k], nearest first, -1 for none, and their cosines. */
  neighbours: Int32Array;
  cosines: Float32Array;
  /** k */
  k: number;
  /** Who stands for a cell: the largest in it [F]; features without one have no place. */
  importance: ArrayLike<number>;
  seed?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Lays out the features that have an importance above 0. The same features and seed give the same atlas. */
export async function atlas(options: AtlasOptions): Promise<Atlas> {
  const { neighbours, cosines, k, importance, seed = 42, onProgress = () => {}, signal } = options;
  const F = importance.length;
  const placed: number[] = [];
  for (let feature = 0; feature < F; feature++) if (importance[feature] > 0) placed.push(feature);
  const out = {
    x: new Float32Array(F).fill(Number.NaN),
    y: new Float32Array(F).fill(Number.NaN),
    level: new Uint8Array(F).fill(NO_CELL),
  };
  if (placed.length === 0) return out;
  const number = new Int32Array(F).fill(-1);
  placed.forEach((feature, i) => {
    number[feature] = i;
  });
  // As UMAP counts them a row's first neighbour is itself, at distance 0.
  const indices = placed.map((feature, i) => {
    const others = Array.from(neighbours.subarray(feature * k, (feature + 1) * k), (other) =>
      other < 0 ? -1 : number[other],
    );
    return [i, ...others];
  });
  const distances = placed.map((feature) => [
    0,
    ...Array.from(cosines.subarray(feature * k, (feature + 1) * k), (cosine) => Math.max(0, 1 - cosine)),
  ]);
  const random = new Random(seed).fork("atlas");
  const start = placed.map(() => [random.uniform(), random.uniform()]);
  let embedding = start;
  // Fewer points than neighbours have no manifold.
  if (placed.length > k + 1) {
    const umap = new UMAP({
      nNeighbors: k + 1,
      nEpochs: placed.length > MANY ? 100 : 400,
      minDist: 0.1,
      random: () => random.uniform(),
    });
    umap.setPrecomputedKNN(indices, distances);
    const epochs = umap.initializeFit(start);
    let told = performance.now();
    for (let epoch = 0; epoch < epochs; epoch++) {
      umap.step();
      if (performance.now() - told < 100 && epoch < epochs - 1) continue;
      told = performance.now();
      signal?.throwIfAborted();
      onProgress(epoch + 1, epochs);
      await yieldToEvents();
    }
    embedding = umap.getEmbedding();
  }
  const scaled = [0, 1].map((axis) => scale(embedding.map((point) => point[axis])));
  placed.forEach((feature, i) => {
    [out.x[feature], out.y[feature]] = [scaled[0][i], scaled[1][i]];
  });
  // The largest first, so that whoever comes first into a cell is its largest.
  placed.sort((a, b) => importance[b] - importance[a] || a - b);
  const taken = Array.from({ length: DEEPEST + 1 }, () => new Set<number>());
  for (const feature of placed) {
    for (let level = 0; level <= DEEPEST; level++) {
      const cell = cellOf(out.x[feature], out.y[feature], level);
      if (taken[level].has(cell)) continue;
      if (out.level[feature] === NO_CELL) out.level[feature] = level;
      taken[level].add(cell);
    }
  }
  return out;
}

/** Number of the cell that a place is in, 2^level in a row. */
export function cellOf(x: number, y: number, level: number): number {
  const across = 2 ** level;
  const at = (value: number) => Math.min(across - 1, Math.floor(value * across));
  return at(y) * across + at(x);
}

/** Values to 0 … 1, the outermost 0.5% of each side held at the edge: one stray point must not shrink all others. */
function scale(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high] = [at(0.005), at(0.995)];
  return values.map((value) =>
    high > low ? Math.min(0.999, Math.max(0.001, 0.01 + (0.98 * (value - low)) / (high - low))) : 0.5,
  );
}
