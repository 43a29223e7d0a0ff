/** Where in its strongest pictures a feature fires, as small grids of bytes. */
import { type FeatureStatistics, patchHeatmaps, type Study } from "../lib/analysis";
import { patchesPerSide } from "../lib/clip";
import { readPictures } from "../lib/datasets";
import { type KeptOptions, keptColumns } from "./kept-columns";

/** Cells in a row at most; larger grids are averaged down. */
const LARGEST_SIDE = 8;
/** Pictures between two looks at the clock. */
const AT_ONCE = 32;

export interface Heatmaps {
  /** Strongest pictures of each feature that have one, K. */
  count: number;
  /** Cells in a row, S. */
  side: number;
  /** Share of the activation that is lost when a cell is covered, in 255ths, less than none as none [F·K·S²]. */
  grids: Uint8Array;
}

/**
 * Covers windows of 2 × 2 patches that do not overlap, one after the other, in every picture that is among a feature's `count` strongest, and
 * measures what its features lose (`patchHeatmaps`): the same runs serve all features of a picture.
 */
export async function strongestHeatmaps(
  {
    clip,
    sae,
    pictures,
    statistics,
  }: Pick<Study, "clip" | "sae" | "pictures"> & { statistics: FeatureStatistics },
  {
    hookPoint,
    count,
    ...kept
  }: { hookPoint: string; count: number } & Pick<
    KeptOptions<{ grids: Uint8Array }>,
    "key" | "cache" | "onProgress" | "signal"
  >,
): Promise<Heatmaps> {
  const F = sae.config.dSae;
  const patches = patchesPerSide(clip.config.vision_config);
  const side = Math.min(LARGEST_SIDE, patches);
  const places = new Map<number, { feature: number; place: number }[]>();
  for (let feature = 0; feature < F; feature++) {
    statistics.top
      .feature(feature)
      .rows.subarray(0, count)
      .forEach((row, place) => {
        const found = places.get(row) ?? [];
        found.push({ feature, place });
        places.set(row, found);
      });
  }
  const rows = [...places.keys()].sort((a, b) => a - b);
  const columns = { grids: new Uint8Array(F * count * side * side) };
  const compute = async (from: number, to: number) => {
    const chosen = rows.slice(from, to);
    const read = await readPictures(pictures, chosen, clip.preprocessor);
    for (const [i, row] of chosen.entries()) {
      const wanted = places.get(row) ?? [];
      const features = wanted.map(({ feature }) => feature);
      const window = Math.min(2, patches);
      const found = await patchHeatmaps(read[i], { clip, sae, hookPoint, features, window, stride: window });
      found.forEach(({ activation, drops }, j) => {
        const { feature, place } = wanted[j];
        columns.grids.set(toBytes(drops, activation, patches, side), (feature * count + place) * side * side);
      });
    }
  };
  await keptColumns({ ...kept, stage: "heatmaps", columns, rows: rows.length, size: AT_ONCE, compute });
  return { count, side, ...columns };
}

/** A grid of `patches`² drops as side² bytes, each the mean of the patches whose middle is in its cell. */
function toBytes(drops: Float32Array, activation: number, patches: number, side: number): Uint8Array {
  const [sums, counts] = [new Float64Array(side * side), new Float64Array(side * side)];
  for (let i = 0; i < drops.length; i++) {
    const at = (patch: number) => Math.floor(((patch + 0.5) * side) / patches);
    const cell = at(Math.floor(i / patches)) * side + at(i % patches);
    sums[cell] += drops[i];
    counts[cell]++;
  }
  return Uint8Array.from(sums, (sum, cell) => {
    const share = sum / counts[cell] / activation;
    return Math.round(255 * Math.min(1, Math.max(0, share)));
  });
}
