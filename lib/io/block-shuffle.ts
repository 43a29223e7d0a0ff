/** A shuffled order of rows in which neighbours lie in few blocks of the disk, so that following it reads large pieces. */
import type { Random } from "../tensor";

/** An order of N rows, made as it is asked for. */
export interface RowOrder {
  /** Row numbers at places `from` to `to` of the order. */
  rows(from: number, to: number): Uint32Array;
}

/** Rows `first` to `first + count`, which are read together. */
export interface RowRange {
  first: number;
  count: number;
}

/**
 * Blocks in a random order, cut into windows of up to `windowRows` rows, and all rows of a window in a random order. When all
 * blocks fit in one window this is a random order of all rows, the same as `random.permutation(N)`. It follows from the random state,
 * the blocks and `windowRows` alone.
 */
export class BlockShuffle implements RowOrder {
  /** Indices into the blocks, window by window. */
  readonly windows: readonly (readonly number[])[];
  /** Place in the order at which each window starts, and N. */
  private readonly starts: number[];
  private current = -1;
  private order = new Uint32Array(0);

  constructor(
    private readonly blocks: readonly RowRange[],
    windowRows: number,
    private readonly random: Random,
  ) {
    const total = blocks.reduce((sum, { count }) => sum + count, 0);
    const sequence =
      total <= windowRows ? [...blocks.keys()] : [...random.fork("blocks").permutation(blocks.length)];
    const windows: number[][] = [];
    this.starts = [0];
    let filled = 0;
    for (const block of sequence) {
      const { count } = blocks[block];
      if (windows.length === 0 || filled + count > windowRows) {
        windows.push([]);
        this.starts.push(this.starts[this.starts.length - 1]);
        filled = 0;
      }
      windows[windows.length - 1].push(block);
      filled += count;
      this.starts[this.starts.length - 1] += count;
    }
    this.windows = windows;
  }

  rows(from: number, to: number): Uint32Array {
    const out = new Uint32Array(to - from);
    for (let at = from; at < to; ) {
      const window = this.windowAt(at);
      const [start, end] = [this.starts[window], this.starts[window + 1]];
      const until = Math.min(end, to);
      out.set(this.orderOf(window).subarray(at - start, until - start), at - from);
      at = until;
    }
    return out;
  }

  /** The window that place `at` is in. */
  windowAt(at: number): number {
    let [low, high] = [0, this.windows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** How much of its window lies before place `at`, 0 to 1. */
  progressAt(at: number): number {
    const window = this.windowAt(at);
    return (at - this.starts[window]) / (this.starts[window + 1] - this.starts[window]);
  }

  private orderOf(window: number): Uint32Array {
    if (window === this.current) return this.order;
    const count = this.starts[window + 1] - this.starts[window];
    const single = this.windows.length === 1;
    const places = (single ? this.random : this.random.fork(`window-${window}`)).permutation(count);
    const rows = new Uint32Array(count);
    let filled = 0;
    for (const block of this.windows[window]) {
      const { first, count: inBlock } = this.blocks[block];
      for (let i = 0; i < inBlock; i++) rows[filled++] = first + i;
    }
    this.order = places.map((place) => rows[place]);
    this.current = window;
    return this.order;
  }
}
