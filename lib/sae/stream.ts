/** The order in which training rows come, and a place in it from which a run goes on to the same bits. */
import type { StoredTensor } from "../io";
import { Random } from "../tensor";
import { BufferedStream, type BufferOptions } from "./buffer";
import type { ActivationProducer, ActivationSource } from "./source";

/** All there is to a place in a stream: JSON, and tensors where rows wait in a buffer. */
export interface StreamState {
  position: Record<string, unknown>;
  tensors: ReadonlyMap<string, StoredTensor>;
}

/** Training rows without end. */
export interface RowStream {
  /** Width D of a row. */
  readonly width: number;
  /** Names the rows and their order. */
  readonly contentHash: string;
  /** Fills `into` [n·D] with the next rows. */
  next(into: Float32Array): Promise<void>;
  /** Up to `count` rows to estimate a start from, [n·D]; the stream does not move. */
  sample(count: number, random: Random): Promise<Float32Array>;
  /** The place now; what is returned does not change later. */
  state(): StreamState;
  /** Goes to a place that `state` gave. */
  restore(state: StreamState): void;
  /** Lets go of what produces rows. */
  close(): Promise<void>;
}

/** The stream that suits where rows come from. */
export function openStream(
  source: ActivationSource | ActivationProducer,
  seed: number,
  buffer: BufferOptions = {},
): RowStream {
  return "produce" in source ? new BufferedStream(source, seed, buffer) : new ShuffledStream(source, seed);
}

/**
 * A source's rows in random order: each epoch is a new permutation that depends on the seed and the epoch alone. Rows left
 * over at an epoch's end start the next epoch's first batch.
 */
export class ShuffledStream implements RowStream {
  readonly width: number;
  readonly contentHash: string;
  private readonly order: ShuffledOrder;

  constructor(
    private readonly source: ActivationSource,
    seed: number,
  ) {
    this.width = source.width;
    this.contentHash = source.contentHash ?? "";
    this.order = new ShuffledOrder(source, seed);
  }

  async next(into: Float32Array): Promise<void> {
    await this.source.gather(this.order.next(into.length / this.width), into);
  }

  async sample(count: number, random: Random): Promise<Float32Array> {
    const chosen = random.permutation(this.source.rows).subarray(0, count);
    const rows = new Float32Array(chosen.length * this.width);
    await this.source.gather(chosen, rows);
    return rows;
  }

  state(): StreamState {
    return { position: { ...this.order.position }, tensors: new Map() };
  }

  restore({ position }: StreamState): void {
    const { epoch, cursor } = position;
    if (typeof epoch !== "number" || typeof cursor !== "number") {
      throw new Error(`ShuffledStream: expected epoch and cursor, got ${JSON.stringify(position)}`);
    }
    this.order.position = { epoch, cursor };
  }

  async close(): Promise<void> {}
}

/** A place in the order of rows. */
export interface DataPosition {
  /** Whole passes done. */
  epoch: number;
  /** Rows of this pass already given out. */
  cursor: number;
}

/** Row numbers in batches, in the source's own order of an epoch if it has one; the position is enough to go on from. */
export class ShuffledOrder {
  private current: { rows(from: number, to: number): Uint32Array } | undefined;
  private currentEpoch = -1;

  constructor(
    private readonly source: Pick<ActivationSource, "rows" | "order">,
    private readonly seed: number,
    public position: DataPosition = { epoch: 0, cursor: 0 },
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
