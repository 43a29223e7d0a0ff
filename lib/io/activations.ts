/** A finished store of activations: rows in safetensors shards, read in any order, or shuffled at the speed of the disk. */
import type { Random } from "../tensor";
import { BlockShuffle, type RowOrder, type RowRange } from "./block-shuffle";
import type { RowBlocks } from "./row-blocks";

/** Rows of one window of the shuffled order take this many bytes as float32. Part of the order: another value is another order. */
export const WINDOW_BYTES = 256 << 20;

/**
 * N rows of width W on disk. It has the form of a training source (`rows`, `width`, `contentHash`, `gather`, `order`): training streams
 * from it with two windows of the order (half a gigabyte) in memory; a smaller store stays in memory once read.
 */
export class Activations {
  constructor(
    private readonly blocks: RowBlocks,
    /** The rows of the store that are this object's. */
    private readonly range: RowRange,
    /** Names the content: model, data, hook point and whatever else the key holds. */
    readonly contentHash: string,
    /** The store's own folder. */
    readonly dir: string,
    private readonly windowBytes = WINDOW_BYTES,
  ) {}

  get rows(): number {
    return this.range.count;
  }

  get width(): number {
    return this.blocks.width;
  }

  /**
   * Copies rows `indices` [n] to the front of `into` [n·W]. Finishes at once where their blocks are in memory and none is being
   * read. Throws on a row that is none.
   */
  gather(indices: Uint32Array, into: Float32Array): void | Promise<void> {
    const { first, count } = this.range;
    const absolute = new Uint32Array(indices.length);
    for (let i = 0; i < indices.length; i++) {
      if (indices[i] >= count) {
        throw new Error(`Activations.gather: expected rows < ${count}, got ${indices[i]}`);
      }
      absolute[i] = first + indices[i];
    }
    return this.blocks.gather(absolute, into);
  }

  /**
   * A random order of the rows that reads large pieces of the disk: blocks of 4 MB in random order, all rows within windows of 256 MB (as
   * float32) in random order; a store within one window gets the order `random.permutation(rows)`. Following it reads the next window
   * ahead. The order depends on the random state and the store alone.
   */
  order(random: Random): RowOrder {
    const { first, count } = this.range;
    const ranges: (RowRange & { block: number })[] = [];
    for (const [block, { first: start, count: length }] of this.blocks.blocks.entries()) {
      const from = Math.max(start, first);
      const to = Math.min(start + length, first + count);
      if (from < to) ranges.push({ block, first: from - first, count: to - from });
    }
    const shuffle = new BlockShuffle(ranges, Math.floor(this.windowBytes / (4 * this.width)), random);
    const read = (window: number) => shuffle.windows[window].map((range) => ranges[range].block);
    let asked = "";
    return {
      rows: (from, to) => {
        // Not with one window: it is read as it is needed and stays.
        if (shuffle.windows.length > 1) {
          const window = shuffle.windowAt(from);
          const next = window + 1 < shuffle.windows.length ? read(window + 1) : [];
          // The next window's blocks come in as this one's rows go out, with some to spare.
          const ahead = Math.min(next.length, Math.ceil((shuffle.progressAt(from) + 0.1) * next.length));
          if (asked !== `${window}/${ahead}`) {
            this.blocks.readAhead([...read(window), ...next.slice(0, ahead)]);
            asked = `${window}/${ahead}`;
          }
        }
        return shuffle.rows(from, to);
      },
    };
  }

  /** All rows in their order, in blocks [n·W]; the next block is read while one is worked on. */
  async *batches(): AsyncGenerator<Float32Array> {
    const { first, count } = this.range;
    const last = this.blocks.blockOf(first + count - 1);
    let next: Promise<Float32Array> | undefined;
    for (let block = this.blocks.blockOf(first); block <= last; block++) {
      const rows = await (next ?? this.blocks.read(block));
      next = block < last ? this.blocks.read(block + 1) : undefined;
      next?.catch(() => {}); // told when it is awaited
      const start = this.blocks.blocks[block].first;
      const from = Math.max(0, first - start);
      const to = Math.min(this.blocks.blocks[block].count, first + count - start);
      yield rows.subarray(from * this.width, to * this.width);
    }
  }

  /** All rows in memory [N·W]. */
  async toArray(): Promise<Float32Array> {
    const all = new Float32Array(this.rows * this.width);
    let filled = 0;
    for await (const rows of this.batches()) {
      all.set(rows, filled);
      filled += rows.length;
    }
    return all;
  }

  /** Rows `from` to `to` as activations of their own: a split, for instance. Reads and copies nothing. */
  slice(from: number, to: number): Activations {
    if (!(from >= 0 && from < to && to <= this.rows)) {
      throw new Error(`Activations.slice: expected 0 <= from < to <= ${this.rows}, got ${from} and ${to}`);
    }
    const range = { first: this.range.first + from, count: to - from };
    return new Activations(
      this.blocks,
      range,
      `${this.contentHash}:${from}-${to}`,
      this.dir,
      this.windowBytes,
    );
  }
}
