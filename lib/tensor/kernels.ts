/** The compiled kernels of native/ as typed classes: rows of a batch, which features fire on them, one update of all weights. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { RULES, type Selection, type Twofold } from "./rules";

/** Parameters in plain memory with Adam's moments, all of one size. */
export interface HostSlot {
  value: Float32Array;
  first: Float32Array;
  second: Float32Array;
}

/** One step of Adam in the kernels' terms; `HostAdam.step` makes them. */
export interface AdamStep {
  alpha: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
}

/** Activations and the gradient of the loss with respect to what features up to `until` reconstruct. */
export interface UpdatePart {
  active: Active;
  upstream: readonly { until: number; gradient: Rows }[];
}

export interface UpdateInput {
  /** What the encoder saw [B, D]. */
  x: Rows;
  main: UpdatePart;
  /** Parts over chosen features, none of them in two parts. */
  extras: readonly UpdatePart[];
  /** What reaches bDec other than through the encoder [D]. */
  biasGradient: Float32Array;
  /** dLoss/df of a feature that fires, beside what comes through the decoder. */
  sparsity: number;
  /** [F] Decoder norms that weight it; the decoder then gets its share of the gradient. */
  sparsityGain?: Float32Array;
  /** [F] Σ_B f, as `encode` gave them. */
  sums: Float32Array;
  /** Whether bDec is taken from the encoder's input. */
  centred: boolean;
  /** Of a main part by one of these rules; there are no extras then. */
  twofold?: Twofold;
  /** Removes the gradient's component along each decoder row. */
  removeParallel: boolean;
}

export interface StepInput extends UpdateInput {
  /** encoder [F, D+1], decoder [F, D], bDec [D] */
  slots: Record<"encoder" | "decoder" | "bDec", HostSlot>;
  adam: AdamStep;
  /** Brings decoder rows to norm 1 after the step. */
  unitRows: boolean;
  /** Largest norm of all gradients; 0 for any. */
  clip: number;
}

type Handle = { readonly handle: unique symbol };

interface Native {
  setThreads(threads: number): void;
  allocate(count: number): Float32Array;
  cutPatches(
    pictures: Uint8Array,
    count: number,
    height: number,
    width: number,
    side: number,
    patch: number,
    table: Float32Array,
    out: Float32Array,
  ): void;
  release(array: Float32Array): void;
  clearRows(rows: Handle): void;
  clearActive(active: Handle): void;
  clearUpdate(update: Handle): void;
  createRows(): Handle;
  createActive(): Handle;
  createUpdate(): Handle;
  setRows(rows: Handle, data: Float32Array, B: number, D: number): void;
  encode(
    active: Handle,
    x: Handle,
    encoder: Float32Array,
    ids: Int32Array | null,
    F: number,
    selection: object,
    sums: Float32Array,
  ): Encoded;
  decode(
    active: Handle,
    decoder: Float32Array,
    D: number,
    first: number,
    last: number,
    out: Float32Array,
  ): void;
  entries(
    active: Handle,
    first: number,
    last: number,
    start?: Int32Array,
    rows?: Int32Array,
    values?: Float32Array,
  ): number;
  decodeGates(active: Handle, decoder: Float32Array, D: number, out: Float32Array): void;
  sumGates(active: Handle, out: Float32Array): void;
  countRows(active: Handle, out: Float32Array): void;
  saturation(active: Handle, scale: number, norms: Float32Array | undefined): number;
  shortfalls(
    active: Handle,
    x: Handle,
    encoder: Float32Array,
    threshold: Float32Array,
    chosen: Int32Array,
    count: number,
    out: Float32Array,
  ): void;
  update(update: Handle, input: object): number;
  adam(slot: HostSlot, gradient: Float32Array, count: number, step: AdamStep): void;
  rowNorms(matrix: Float32Array, rows: number, width: number, out: Float32Array): void;
}

/** What `Active.encode` tells. */
export interface Encoded {
  /** Activations that are not zero. */
  count: number;
  /** The least positive activation as ranked, 0 without any. */
  least: number;
  /** Whether every pre-activation was a finite number. */
  finite: boolean;
  /** Share of the blocks of features that are kept as matrices, because much fires in them. */
  matrices: number;
}

/** Activations as lists, feature by feature: those of the i-th one are [start[i], start[i + 1]), in rising order of rows. */
export interface Entries {
  start: Int32Array;
  /** Place of each in the batch. */
  rows: Int32Array;
  values: Float32Array;
}

let loaded: Native | undefined;

function native(): Native {
  return kernelAddon() as Native;
}

/** The addon, with its threads. Throws where the set-up has not compiled it. */
export function kernelAddon(): object {
  if (loaded) return loaded;
  loaded = compiledAddon() as Native;
  loaded.setThreads(availableParallelism());
  return loaded;
}

/** The addon for what needs none of its threads, which all threads of the process share. Throws where the set-up has not compiled it. */
export function compiledAddon(): object {
  const path = join(__dirname, "..", "..", ".vitrine", "native", "kernels.node");
  try {
    return require(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`lib/tensor: expected the compiled kernels, got "${reason}" (do: npx vitrine setup)`);
  }
}

/** How many threads the kernels use; at first as many as there are processors. No result depends on it. */
export function setKernelThreads(threads: number): void {
  if (!(Number.isInteger(threads) && threads > 0)) {
    throw new Error(`setKernelThreads: expected a whole number > 0, got ${threads}`);
  }
  native().setThreads(threads);
}

/** What `cutPatches` cuts, and how. */
export interface PatchCut {
  /** Pixels of each picture. */
  height: number;
  width: number;
  /** Patches a side; what is behind the last whole one is left out. */
  side: number;
  /** Pixels a patch's side, P. */
  patch: number;
  /** [3·256] What each byte of each channel becomes. */
  table: Float32Array;
}

/** RGB bytes [B, height, width, 3] -> `out` [B, side², 3·P·P]: patches in the order channel, row, column. */
export function cutPatches(pictures: Uint8Array, cut: PatchCut, out: Float32Array): void {
  const { height, width, side, patch, table } = cut;
  const count = pictures.length / (height * width * 3);
  if (!Number.isInteger(count))
    throw new Error(
      `cutPatches: expected pictures of ${height} x ${width} x 3, got ${pictures.length} bytes`,
    );
  expectLength("cutPatches", "out", out, count * side * side * 3 * patch * patch);
  native().cutPatches(pictures, count, height, width, side, patch, table, out);
}

/** Zeros in aligned memory with large pages, which for the size of weights is worth it. */
export function hostFloats(count: number): Float32Array {
  return native().allocate(count);
}

/** Gives the memory of `hostFloats` back; the array is empty from then on. */
export function releaseFloats(array: Float32Array): void {
  native().release(array);
}

/**
 * A batch of rows [B, D], in the layouts that the kernels want. Like the other classes here it is freed with its object, but
 * the garbage collector does not see how much it holds: `dispose` frees it at once.
 */
export class Rows {
  readonly handle = native().createRows();
  B = 0;
  D = 0;

  /** Copies `data` [B·D]. */
  set(data: Float32Array, B: number, D: number): this {
    expectLength("Rows.set", "data", data, B * D);
    native().setRows(this.handle, data, B, D);
    this.B = B;
    this.D = D;
    return this;
  }

  dispose(): void {
    native().clearRows(this.handle);
    this.B = 0;
    this.D = 0;
  }
}

/** Which features fire on which rows, and how strongly: kept as lists or as matrices, block by block, by how many there are. */
export class Active {
  readonly handle = native().createActive();
  private B = 0;
  private F = 0;

  /**
   * Activations of `x` [B, D] by `encoder` [., D+1], whose last column is the bias; of the features `ids` (rising), or of
   * the first F. Writes each feature's sum over the batch to `sums` [F].
   */
  encode(
    x: Rows,
    encoder: Float32Array,
    features: Int32Array | number,
    selection: Selection,
    sums: Float32Array,
  ): Encoded {
    const ids = typeof features === "number" ? null : features;
    const F = typeof features === "number" ? features : features.length;
    expectLength("Active.encode", "sums", sums, F);
    this.B = x.B;
    this.F = F;
    const chosen = { k: 0, below: 0, signedValues: false, ...selection, rule: RULES[selection.rule] };
    return native().encode(this.handle, x.handle, encoder, ids, F, chosen, sums);
  }

  /** f W over features [first, last) for `decoder` [., D] into `out` [B·D]. */
  decode(decoder: Float32Array, D: number, first: number, last: number, out: Float32Array): void {
    expectLength("Active.decode", "out", out, this.B * D);
    native().decode(this.handle, decoder, D, first, last, out);
  }

  /** What is not zero of features [first, last). */
  entries(first: number, last: number): Entries {
    const count = native().entries(this.handle, first, last);
    const entries = {
      start: new Int32Array(last - first + 1),
      rows: new Int32Array(count),
      values: new Float32Array(count),
    };
    native().entries(this.handle, first, last, entries.start, entries.rows, entries.values);
    return entries;
  }

  /** The same over all features, with the positive pre-activations of a "gated" encoding in the place of f. */
  decodeGates(decoder: Float32Array, D: number, out: Float32Array): void {
    expectLength("Active.decodeGates", "out", out, this.B * D);
    native().decodeGates(this.handle, decoder, D, out);
  }

  /** Σ_B of the positive pre-activations of a "gated" encoding into `out` [F]. */
  sumGates(out: Float32Array): void {
    expectLength("Active.sumGates", "out", out, this.F);
    native().sumGates(this.handle, out);
  }

  /** How many features fire on each row, into `out` [B]. */
  countRows(out: Float32Array): void {
    expectLength("Active.countRows", "out", out, this.B);
    native().countRows(this.handle, out);
  }

  /** Σ tanh(scale · f · norms) over batch and features; without norms [F], Σ tanh(scale · f). */
  saturation(scale: number, norms?: Float32Array): number {
    return native().saturation(this.handle, scale, norms);
  }

  /** Σ_B relu(threshold - pre) of the features `chosen` of a "jumpRelu" encoding of `x` into their places of `out` [F]. */
  shortfalls(
    x: Rows,
    encoder: Float32Array,
    threshold: Float32Array,
    chosen: Int32Array,
    out: Float32Array,
  ): void {
    expectLength("Active.shortfalls", "out", out, this.F);
    native().shortfalls(this.handle, x.handle, encoder, threshold, chosen, chosen.length, out);
  }

  dispose(): void {
    native().clearActive(this.handle);
    this.B = 0;
  }
}

/** Gradients of a linear encoder and decoder feature by feature, and Adam's step with them. Keeps its work memory. */
export class Update {
  private readonly handle = native().createUpdate();

  /** Moves all weights. Gives back the gradients' norm where `clip` needed it. */
  step({ slots, adam, unitRows, clip, ...input }: StepInput): number | undefined {
    const { encoder, decoder, bDec: bias } = slots;
    const options = { ...this.options(input), unitRows, clip };
    const norm = native().update(this.handle, {
      ...this.parts(input),
      encoder,
      decoder,
      bias,
      adam,
      options,
    });
    return clip > 0 ? norm : undefined;
  }

  /** Writes the gradients, after `removeParallel` and before any clipping, into `out`. */
  gradients(
    input: UpdateInput,
    weights: { encoder: Float32Array; decoder: Float32Array },
    out: { encoder: Float32Array; decoder: Float32Array; bDec: Float32Array },
  ): void {
    const options = { ...this.options(input), unitRows: false, clip: 0 };
    const encoder = { value: weights.encoder };
    const decoder = { value: weights.decoder };
    native().update(this.handle, { ...this.parts(input), encoder, decoder, options, gradients: out });
  }

  dispose(): void {
    native().clearUpdate(this.handle);
  }

  private parts({ x, main, extras, twofold, biasGradient }: UpdateInput) {
    const part = ({ active, upstream }: UpdatePart) => ({
      active: active.handle,
      upstream: upstream.map(({ until, gradient }) => ({ until, gradient: gradient.handle })),
    });
    const rule = twofold && {
      ...twofold,
      rule: RULES[twofold.rule],
      gateUpstream: twofold.rule === "gated" ? twofold.gateUpstream.handle : undefined,
    };
    return { x: x.handle, main: part(main), extras: extras.map(part), twofold: rule, biasGradient };
  }

  private options({ sparsity, sparsityGain, sums, centred, removeParallel }: UpdateInput) {
    return { sparsity, sparsityGain, sums, centred, removeParallel };
  }
}

/** One step of Adam on a whole slot. */
export function adamInPlace(slot: HostSlot, gradient: Float32Array, step: AdamStep): void {
  expectLength("adamInPlace", "gradient", gradient, slot.value.length);
  native().adam(slot, gradient, gradient.length, step);
}

/** Norms of the rows of `matrix` [rows, width] into `out` [rows]. */
export function rowNormsInto(out: Float32Array, matrix: Float32Array, rows: number, width: number): void {
  expectLength("rowNormsInto", "matrix", matrix, rows * width);
  expectLength("rowNormsInto", "out", out, rows);
  native().rowNorms(matrix, rows, width, out);
}

function expectLength(where: string, name: string, array: Float32Array, length: number): void {
  if (array.length !== length) {
    throw new Error(`${where}: expected ${name} of ${length} numbers, got ${array.length}`);
  }
}
