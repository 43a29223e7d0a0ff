/** Where in its pictures a feature fires, as small grids of bytes. */
import { patchHeatmaps, type Study } from "../../lib/analysis";
import { patchesPerSide } from "../../lib/clip";
import { readPictures } from "../../lib/datasets";
import { type KeptOptions, keptColumns } from "./kept-columns";

/** Cells in a row at most; larger grids are averaged down. */
const LARGEST_SIDE = 8;
/** Side of the square of patches that is covered at once. */
const WINDOW = 2;
/** Pictures between two looks at the clock. */
const AT_ONCE = 32;

/** Kinds of a feature's pictures that have heatmaps: some of its strongest, and samples of every strength. */
const KINDS = ["strongest", "samples"] as const;

type PerKind<T> = Record<(typeof KINDS)[number], T>;

export interface Heatmaps extends PerKind<Uint8Array> {
  /** Cells in a row of a grid, S. */
  side: number;
}

export interface FeatureHeatmapsOptions
  extends Pick<KeptOptions<PerKind<Uint8Array>>, "key" | "cache" | "onProgress" | "signal"> {
  hookPoint: string;
  /** Rows of the data set, as many for each feature [F·K]; -1 for none. */
  rows: PerKind<Int32Array>;
}

/**
 * Covers windows of 2 × 2 patches that do not overlap, one after the other, in every picture of `rows`, and measures what its features lose
 * (`patchHeatmaps`): the same runs serve all features of a picture. Grids have the share of the activation that is lost when a cell is covered, in
 * 255ths, less than none as none [F·K·S²].
 */
export async function featureHeatmaps(
  { clip, sae, pictures }: Pick<Study, "clip" | "sae" | "pictures">,
  { hookPoint, rows, ...kept }: FeatureHeatmapsOptions,
): Promise<Heatmaps> {
  const patches = patchesPerSide(clip.config.vision_config);
  const window = Math.min(WINDOW, patches);
  // Patches that are always covered together have one value.
  const side = Math.min(LARGEST_SIDE, patches % window === 0 ? patches / window : patches);
  const cells = side * side;
  const columns = {
    strongest: new Uint8Array(rows.strongest.length * cells),
    samples: new Uint8Array(rows.samples.length * cells),
  };
  const wanted = placesByRow(rows, sae.config.dSae);
  const order = [...wanted.keys()].sort((a, b) => a - b);
  const compute = async (from: number, to: number) => {
    const chosen = order.slice(from, to);
    const read = await readPictures(pictures, chosen, clip.preprocessor);
    for (const [i, row] of chosen.entries()) {
      const places = wanted.get(row) ?? [];
      const features = [...new Set(places.map(({ feature }) => feature))];
      const found = await patchHeatmaps(read[i], { clip, sae, hookPoint, features, window, stride: window });
      const grids = new Map(
        found.map(({ activation, drops }, j) => [features[j], toBytes(drops, activation, patches, side)]),
      );
      for (const { kind, feature, place } of places) {
        columns[kind].set(grids.get(feature) as Uint8Array, place * cells);
      }
    }
  };
  await keptColumns({ ...kept, stage: "heatmaps", columns, rows: order.length, size: AT_ONCE, compute });
  return { side, ...columns };
}

/** Where each picture's grids go, by row of the data set. */
function placesByRow(rows: PerKind<Int32Array>, F: number) {
  const places = new Map<number, { kind: (typeof KINDS)[number]; feature: number; place: number }[]>();
  for (const kind of KINDS) {
    const perFeature = rows[kind].length / F;
    rows[kind].forEach((row, place) => {
      if (row < 0) return;
      const found = places.get(row) ?? [];
      found.push({ kind, feature: Math.floor(place / perFeature), place });
      places.set(row, found);
    });
  }
  return places;
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
    const share = activation > 0 ? sum / counts[cell] / activation : 0;
    return Math.round(255 * Math.min(1, Math.max(0, share)));
  });
}
