/** A shuffled buffer between a model that makes rows in its own order and a training that wants them mixed. */
import type { StoredTensor } from "../io";
import { Random, type RandomState } from "../tensor";
import type { ActivationProducer } from "./source";
import type { RowStream, StreamState } from "./stream";

export interface BufferOptions {
  /** Rows the buffer holds. Default 15,360 (the post: 15 batches of 1,024). */
  bufferRows?: number;
}

/**
 * As the post's store: the buffer is filled and shuffled, its first half given out, then filled up and shuffled again
 * (Fry, 2024). Everything follows from the seed; the state holds the waiting rows themselves, so that going on needs no
 * row to be made twice.
 */
export class BufferedStream implements RowStream {
  readonly width: number;
  readonly contentHash: string;
  private readonly capacity: number;
  /** [capacity·D]; the rows that wait are those from `given` to `held`. */
  private rows: Float32Array;
  private held = 0;
  private given = 0;
  /** Row at which the buffer is to be filled up. */
  private refillAt = 0;
  private random: Random;
  /** Where the producer stands: rows taken of pass `pass`. */
  private pass = 0;
  private taken = 0;
  private blocks: AsyncIterator<Float32Array> | undefined;
  /** What is left of a block that did not fit. */
  private rest: Float32Array = new Float32Array(0);

  constructor(
    private readonly producer: ActivationProducer,
    seed: number,
    { bufferRows = 15_360 }: BufferOptions = {},
  ) {
    if (!(Number.isInteger(bufferRows) && bufferRows >= 2)) {
      throw new Error(`BufferedStream: expected bufferRows to be a whole number >= 2, got ${bufferRows}`);
    }
    this.width = producer.width;
    this.capacity = bufferRows;
    this.contentHash = `${producer.contentHash ?? ""}:buffer-${bufferRows}`;
    this.rows = new Float32Array(bufferRows * producer.width);
    this.random = new Random(seed).fork("buffer");
  }

  async next(into: Float32Array): Promise<void> {
    const D = this.width;
    for (let filled = 0; filled < into.length; ) {
      if (this.given >= this.refillAt) await this.refill();
      const count = Math.min(into.length / D - filled / D, this.refillAt - this.given);
      into.set(this.rows.subarray(this.given * D, (this.given + count) * D), filled);
      this.given += count;
      filled += count * D;
    }
  }

  async sample(count: number, random: Random): Promise<Float32Array> {
    if (this.given >= this.refillAt) await this.refill();
    const D = this.width;
    const waiting = this.held - this.given;
    const chosen = random.permutation(waiting).subarray(0, count);
    const out = new Float32Array(chosen.length * D);
    chosen.forEach((row, i) => {
      const from = (this.given + row) * D;
      out.set(this.rows.subarray(from, from + D), i * D);
    });
    return out;
  }

  state(): StreamState {
    const D = this.width;
    const data = this.rows.slice(this.given * D, this.held * D);
    const buffer: StoredTensor = { dtype: "F32", shape: [this.held - this.given, D], data };
    return {
      position: {
        pass: this.pass,
        taken: this.taken,
        untilRefill: this.refillAt - this.given,
        random: this.random.state(),
      },
      tensors: new Map([["buffer", buffer]]),
    };
  }

  restore({ position, tensors }: StreamState): void {
    const { pass, taken, untilRefill, random } = position;
    const buffer = tensors.get("buffer");
    if (![pass, taken, untilRefill].every(Number.isInteger) || !Array.isArray(random) || !buffer) {
      throw new Error(
        `BufferedStream: expected pass, taken, untilRefill, random and a buffer, got ${JSON.stringify(position)}`,
      );
    }
    this.pass = pass as number;
    this.taken = taken as number;
    this.held = buffer.shape[0];
    this.given = 0;
    this.refillAt = untilRefill as number;
    this.random = Random.fromState(random as unknown as RandomState);
    this.rows.set(buffer.data as Float32Array);
    this.blocks = undefined;
    this.rest = new Float32Array(0);
  }

  async close(): Promise<void> {
    const blocks = this.blocks;
    this.blocks = undefined;
    await blocks?.return?.();
  }

  /** Moves the waiting rows to the front, fills up, shuffles, and lets the first half go. */
  private async refill(): Promise<void> {
    const D = this.width;
    this.rows.copyWithin(0, this.given * D, this.held * D);
    this.held -= this.given;
    this.given = 0;
    while (this.held < this.capacity) {
      if (this.rest.length === 0) this.rest = await this.block();
      const count = Math.min(this.rest.length / D, this.capacity - this.held);
      this.rows.set(this.rest.subarray(0, count * D), this.held * D);
      this.rest = this.rest.subarray(count * D);
      this.held += count;
      this.taken += count;
    }
    const { random, rows } = this;
    const row = new Float32Array(D);
    for (let i = this.capacity - 1; i > 0; i--) {
      const j = random.int(i + 1);
      row.set(rows.subarray(i * D, (i + 1) * D));
      rows.copyWithin(i * D, j * D, (j + 1) * D);
      rows.set(row, j * D);
    }
    this.refillAt = Math.ceil(this.capacity / 2);
  }

  /** The producer's next block; at the end of a pass the first of the next. */
  private async block(): Promise<Float32Array> {
    for (let empty = 0; empty < 2; ) {
      if (this.taken >= this.producer.rows) {
        this.pass++;
        this.taken = 0;
        await this.close();
      }
      this.blocks ??= this.producer.produce(this.pass, this.taken)[Symbol.asyncIterator]();
      const { value, done } = await this.blocks.next();
      if (done) {
        this.taken = this.producer.rows;
        empty++;
        continue;
      }
      if (value.length % this.width !== 0) {
        throw new Error(`BufferedStream: expected whole rows of ${this.width}, got ${value.length} numbers`);
      }
      const left = (this.producer.rows - this.taken) * this.width;
      if (value.length > 0) return value.subarray(0, left);
    }
    throw new Error("BufferedStream: expected rows from the producer, got two passes without any");
  }
}
