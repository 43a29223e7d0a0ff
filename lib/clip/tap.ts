/** What one run of a tower reads and replaces at its hook points, and how much of the tower has to run for that. */
import { type Tensor, tf } from "../tensor";
import { blockOf, type HookPoint, type TokenChoice, tokenAxis } from "./hook-points";

/** Gives what goes on in a value's place: a new tensor, which the run disposes, or the value itself. */
export type HookFunction = (value: Tensor, point: HookPoint) => Tensor;
export type HookFunctions = { readonly [point in HookPoint]?: HookFunction };

export interface TapOptions {
  /** Hook points to read. */
  read?: readonly HookPoint[];
  /** Which tokens of them. Default all. */
  tokens?: TokenChoice;
  /** Replacements by hook point; a hook point is read after it was replaced. */
  replace?: HookFunctions;
  /** Whether the tower's output is wanted too. Default false. */
  toEnd?: boolean;
}

/** Takes some tokens of a value along `axis`: a new tensor, without that axis when it is one token. */
export type TokenSelector = (value: Tensor, axis: 1 | 2) => Tensor;

export class Tap {
  /** What was read so far. Kept over `tf.tidy`: whoever made the tap disposes them. */
  readonly values = new Map<HookPoint, Tensor>();
  readonly tokens: TokenChoice;
  private readonly read: ReadonlySet<HookPoint>;
  private readonly replace: ReadonlyMap<HookPoint, HookFunction>;
  private readonly toEnd: boolean;
  private select: TokenSelector = (value) => value.clone();

  constructor({ read = [], tokens = "all", replace = {}, toEnd = false }: TapOptions) {
    this.read = new Set(read);
    this.tokens = tokens;
    this.replace = new Map(Object.entries(replace) as [HookPoint, HookFunction][]);
    this.toEnd = toEnd;
  }

  /** The tower says how its tokens are chosen. */
  chooseTokensBy(select: TokenSelector): void {
    this.select = select;
  }

  /** Whether the value at `point` must exist by itself. */
  wants(point: HookPoint): boolean {
    return this.read.has(point) || this.replace.has(point);
  }

  /** Shows a value to the tap; the result goes on in its place. */
  at(point: HookPoint, value: Tensor): Tensor {
    const change = this.replace.get(point);
    let out = value;
    if (change) {
      const changed = change(value, point);
      if (changed.shape.join() !== value.shape.join()) {
        throw new Error(`${point}: expected a replacement of shape [${value.shape}], got [${changed.shape}]`);
      }
      // A clone, because what was given back may be a tensor that outlives this run.
      if (changed !== value) out = changed.clone();
    }
    if (this.read.has(point)) {
      const axis = tokenAxis(point);
      this.values.set(point, tf.keep(axis === undefined ? out.clone() : this.select(out, axis)));
    }
    return out;
  }

  /** Whether nothing that is still to be computed is wanted. */
  get finished(): boolean {
    return !this.toEnd && this.values.size === this.read.size;
  }

  /** The last block that has to run, -1 for none. */
  lastBlock(layers: number): number {
    if (this.toEnd) return layers - 1;
    return Math.min(layers - 1, Math.max(-1, ...[...this.read].map((point) => blockOf(point, layers))));
  }

  /** Whether anybody looks at more of block `layer` than the stream before and behind it. */
  looksInside(layer: number, layers: number): boolean {
    return [...this.read, ...this.replace.keys()].some(
      (point) => blockOf(point, layers) === layer && !/hook_resid_(pre|post)$/.test(point),
    );
  }

  /** Whether anybody looks at other tokens than the class token inside of block `layer`. */
  seesAllTokens(layer: number, layers: number): boolean {
    const inside = (point: HookPoint) => blockOf(point, layers) === layer;
    return [...this.replace.keys()].some(inside) || (this.tokens !== "class" && [...this.read].some(inside));
  }
}
