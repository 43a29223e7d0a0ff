/** Where training rows come from, and the seeded order in which they come. */
import { Random } from "../tensor";

/** Rows of activations that can be fetched by number. */
export interface ActivationSource {
  /** Number N of rows. */
  readonly rows: number;
  /** Width D of a row. */
  readonly width: number;
  /** Names the content, so that a run is not resumed on other data. */
  readonly contentHash?: string;
  /** Writes rows `indices` [n] to the front of `into` [n·D]. */
  gather(indices: Uint32Array, into: Float32Array): void | Promise<void>;
  /**
   * A random order of the rows that this source reads fast, the same for the same random state. Default: any order is as fast, and
   * rows come by `random.permutation`.
   */
  order?(random: Random): { rows(from: number, to: number): Uint32Array };
}

/** A source over rows in memory. `data` [N·D] is not copied. */
export function memorySource(data: Float32Array, width: number, contentHash?: string): ActivationSource {
  if (!(Number.isInteger(width) && width > 0 && data.length % width === 0 && data.length > 0)) {
    throw new Error(`memorySource: expected whole rows of width ${width}, got ${data.length} numbers`);
  }
  const rows = data.length / width;
  return {
    rows,
    width,
    contentHash,
    gather(indices, into) {
      for (let i = 0; i < indices.length; i++) {
        const row = indices[i];
        if (row >= rows) throw new Error(`memorySource: expected a row < ${rows}, got ${row}`);
        into.set(data.subarray(row * width, (row + 1) * width), i * width);
      }
    },
  };
}

/** All there is to a place in the order of rows: safe to keep in JSON. */
export interface DataPosition {
  /** Whole passes done. */
  epoch: number;
  /** Rows of this pass already given out. */
  cursor: number;
}

/**
 * Row numbers in batches: each epoch is a new order, the source's own if it has one, that depends on the seed and the epoch alone, so that
 * a position is enough to go on from. Rows left over at an epoch's end start the next epoch's first batch.
 */
export class ShuffledOrder {
  private current: { rows(from: number, to: number): Uint32Array } | undefined;
  private currentEpoch = -1;

  constructor(
    private readonly source: Pick<ActivationSource, "rows" | "order">,
    private readonly seed: number,
    readonly position: DataPosition = { epoch: 0, cursor: 0 },
  ) {}

  /** The next `count` row numbers; moves the position on. */
  next(count: number): Uint32Array {
    const out = new Uint32Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.position.cursor >= this.source.rows) {
        this.position.epoch++;
        this.position.cursor = 0;
      }
      const { cursor } = this.position;
      const taken = Math.min(count - filled, this.source.rows - cursor);
      out.set(this.order().rows(cursor, cursor + taken), filled);
      this.position.cursor += taken;
      filled += taken;
    }
    return out;
  }

  private order(): { rows(from: number, to: number): Uint32Array } {
    const { epoch } = this.position;
    if (!this.current || this.currentEpoch !== epoch) {
      const random = new Random(this.seed).fork(`epoch-${epoch}`);
      this.current = this.source.order?.(random) ?? wholeOrder(random.permutation(this.source.rows));
      this.currentEpoch = epoch;
    }
    return this.current;
  }
}

function wholeOrder(permutation: Uint32Array) {
  return { rows: (from: number, to: number) => permutation.subarray(from, to) };
}
