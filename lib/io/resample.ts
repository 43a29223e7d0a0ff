/**
 * Resizing as Pillow does it, to the bit: antialiased filters whose support grows with the reduction, first along rows, then along columns, bytes in between
 * and 22-bit coefficients (Pillow, src/libImaging/Resample.c; Catmull-Rom, Keys 1981 with a = -1/2, for CLIP's bicubic).
 * The sums are made by lib/tensor/native/resample.cc.
 */
import { compiledAddon } from "../tensor/kernels";

/** Codes of `resample` in a preprocessor_config.json: Pillow's. */
export const RESAMPLING = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 } as const;

interface Filter {
  /** Half of its width in pixels, when nothing is reduced. */
  support: number;
  /** Its value at a distance in pixels. */
  at: (x: number) => number;
}

const FILTERS: Record<number, Filter> = {
  [RESAMPLING.lanczos]: {
    support: 3,
    at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0),
  },
  [RESAMPLING.bilinear]: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  [RESAMPLING.bicubic]: { support: 2, at: (x) => cubic(Math.abs(x)) },
  [RESAMPLING.box]: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  [RESAMPLING.hamming]: { support: 1, at: (x) => hamming(Math.abs(x)) },
};

/** Bits behind the point: 32 less 8 of the pixel and 2 for what a sum may overshoot. */
const PRECISION = 22;
const ONE = 1 << PRECISION;

/** Which input pixels make each output pixel of one axis, and with what weights. */
interface Axis {
  /** First input pixel of each output pixel. */
  first: Int32Array;
  /** Number of input pixels of each. */
  count: Int32Array;
  /** Weights, `taps` places for each output pixel, in units of 2^-22. */
  weights: Int32Array;
  taps: number;
}

const axes = new Map<string, Axis>();
/** Pictures of a set have few sizes; those that have many must not fill the memory. */
const MOST_AXES = 256;

function axisFor(input: number, output: number, resample: number): Axis {
  const key = `${input}/${output}/${resample}`;
  const known = axes.get(key);
  if (known) return known;
  const filter = FILTERS[resample];
  if (!filter)
    throw new Error(`resample: expected one of ${Object.keys(FILTERS).join(", ")}, got ${resample}`);
  const scale = input / output;
  const reduction = Math.max(1, scale);
  const support = filter.support * reduction;
  const taps = Math.ceil(support) * 2 + 1;
  const [first, count] = [new Int32Array(output), new Int32Array(output)];
  const weights = new Int32Array(output * taps);
  const row = new Float64Array(taps);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const to = Math.min(input, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let x = from; x < to; x++) {
      row[x - from] = filter.at((x - centre + 0.5) * (1 / reduction));
      sum += row[x - from];
    }
    for (let k = 0; k < to - from; k++) {
      const weight = sum === 0 ? row[k] : row[k] / sum;
      weights[i * taps + k] = Math.trunc(weight * ONE + (weight < 0 ? -0.5 : 0.5));
    }
    first[i] = from;
    count[i] = to - from;
  }
  if (axes.size >= MOST_AXES) axes.delete(axes.keys().next().value as string);
  const axis = { first, count, weights, taps };
  axes.set(key, axis);
  return axis;
}

export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * Of the RGB picture `data` [height, width, 3], resized to `to`, the `region`: bytes [region.height, region.width, 3]. Only what the region needs is
 * computed. `resample` is Pillow's code. The region must lie inside.
 */
export function resampleRegion(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  to: { width: number; height: number },
  region: Region,
  resample: number,
): Uint8Array {
  const { left, top, width: columns, height: rows } = region;
  if (resample === RESAMPLING.nearest) return nearest({ data, width, height }, to, region);
  // Pillow leaves an axis alone whose size stays.
  const across = to.width === width ? undefined : axisFor(width, to.width, resample);
  const down = to.height === height ? undefined : axisFor(height, to.height, resample);
  const firstRow = down ? down.first[top] : top;
  const lastRow = down ? down.first[top + rows - 1] + down.count[top + rows - 1] : top + rows;
  const stride = width * 3;
  const wanted = lastRow - firstRow;
  let narrow: Uint8Array;
  if (across) {
    const length = wanted * columns * 3;
    narrow = down ? scratchOf(length) : new Uint8Array(length);
    const rowsRead = data.subarray(firstRow * stride, lastRow * stride);
    resampling().resampleRows(rowsRead, stride, wanted, left, columns, across, narrow);
  } else {
    narrow = copyRows(data, stride, firstRow, lastRow, left, columns);
  }
  if (!down) return narrow;
  const out = new Uint8Array(rows * columns * 3);
  resampling().resampleColumns(narrow, firstRow, columns * 3, top, rows, down, out);
  return out;
}

let scratch = new Uint8Array(0);

/** Bytes that are overwritten by the next call: fresh memory for every picture costs more than filling it. */
function scratchOf(length: number): Uint8Array {
  if (scratch.length < length) scratch = new Uint8Array(length);
  return scratch.subarray(0, length);
}

interface Resampling {
  /** native/resample.h has what they do. */
  resampleRows(
    data: Uint8Array,
    stride: number,
    rows: number,
    left: number,
    columns: number,
    axis: Axis,
    out: Uint8Array,
  ): void;
  resampleColumns(
    data: Uint8Array,
    firstRow: number,
    length: number,
    top: number,
    rows: number,
    axis: Axis,
    out: Uint8Array,
  ): void;
}

let loaded: Resampling | undefined;

function resampling(): Resampling {
  loaded ??= compiledAddon() as Resampling;
  return loaded;
}

function copyRows(data: Uint8Array, stride: number, from: number, to: number, left: number, columns: number) {
  const out = new Uint8Array((to - from) * columns * 3);
  for (let y = from; y < to; y++) {
    const start = y * stride + left * 3;
    out.set(data.subarray(start, start + columns * 3), (y - from) * columns * 3);
  }
  return out;
}

function nearest(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  to: { width: number; height: number },
  { left, top, width: columns, height: rows }: Region,
): Uint8Array {
  const out = new Uint8Array(rows * columns * 3);
  for (let y = 0; y < rows; y++) {
    const row = Math.trunc(((top + y + 0.5) * height) / to.height) * width;
    for (let x = 0; x < columns; x++) {
      const from = (row + Math.trunc(((left + x + 0.5) * width) / to.width)) * 3;
      for (let c = 0; c < 3; c++) out[(y * columns + x) * 3 + c] = data[from + c];
    }
  }
  return out;
}

function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function hamming(x: number): number {
  if (x === 0) return 1;
  return x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x));
}
