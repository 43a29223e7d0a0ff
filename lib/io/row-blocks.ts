/** Rows of numbers in shard files, read in blocks of some megabytes, of which a bounded number stays in memory. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { compiledAddon } from "../tensor/kernels";
import type { RowRange } from "./block-shuffle";
import type { Shard } from "./shards";

export type RowDtype = "float32" | "float16";

const BLOCK_BYTES = 4 << 20;
/** Reads at a time when reading ahead: as many as Node's threads take, and as many that wait for them while this thread is at work. */
const READS = 8;

interface Block extends RowRange {
  shard: Shard;
  /** Of its first row in the shard's file. */
  offset: number;
}

interface Gathering {
  /** native/gather.h has what it does. */
  gatherRows(
    blocks: readonly (Uint8Array | undefined)[],
    slots: Uint32Array,
    rows: Uint32Array,
    count: number,
    width: number,
    half: boolean,
    out: Float32Array,
  ): void;
}

let addon: Gathering | undefined;

function gathering(): Gathering {
  addon ??= compiledAddon() as Gathering;
  return addon;
}

export class RowBlocks {
  readonly blocks: readonly Block[];
  private readonly bytesPerRow: number;
  private readonly loaded = new Map<number, Uint8Array>();
  private readonly loading = new Map<number, Promise<Uint8Array>>();
  private ahead: number[] = [];
  /** Memory of blocks that were let go of, each of `largest` bytes. */
  private readonly spare: ArrayBuffer[] = [];
  private readonly largest: number;
  /** Gatherings that wait for blocks. */
  private gathering = 0;

  constructor(
    private readonly dir: string,
    shards: readonly Shard[],
    readonly width: number,
    private readonly dtype: RowDtype,
    /** Bytes of blocks that stay in memory. */
    private readonly memory: number,
    private readonly blockBytes = BLOCK_BYTES,
  ) {
    this.bytesPerRow = width * (dtype === "float32" ? 4 : 2);
    const rows = Math.max(1, Math.floor(blockBytes / this.bytesPerRow));
    const blocks: Block[] = [];
    for (const shard of shards) {
      // The rows are the last thing in the file.
      const start = shard.bytes - shard.count * this.bytesPerRow;
      for (let row = 0; row < shard.count; row += rows) {
        const count = Math.min(rows, shard.count - row);
        blocks.push({ shard, first: shard.first + row, count, offset: start + row * this.bytesPerRow });
      }
    }
    this.blocks = blocks;
    this.largest = Math.max(0, ...blocks.map(({ count }) => count * this.bytesPerRow));
  }

  /** The block that holds a row. */
  blockOf(row: number): number {
    let [low, high] = [0, this.blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle].first <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Copies rows to the front of `into`. Finishes at once when their blocks are in memory and none is being read. */
  gather(indices: Uint32Array, into: Float32Array): void | Promise<void> {
    const wanted = new Map<number, number>(); // block -> its slot
    const [slots, rows] = [new Uint32Array(indices.length), new Uint32Array(indices.length)];
    for (let i = 0; i < indices.length; i++) {
      const block = this.blockOf(indices[i]);
      const slot = wanted.get(block) ?? wanted.size;
      wanted.set(block, slot);
      slots[i] = slot;
      rows[i] = indices[i] - this.blocks[block].first;
    }
    const bytes = [...wanted.keys()].map((block) => this.loaded.get(block));
    if (bytes.some((some) => some === undefined))
      return this.gatherMissing([...wanted.keys()], bytes, slots, rows, into);
    this.copy(bytes, slots, rows, into);
    // A caller who asks for one batch after another would not let the reads ahead go on.
    if (this.loading.size > 0) return yieldToEvents();
  }

  /** One block as float32 [count·W], not kept in memory. */
  async read(block: number): Promise<Float32Array> {
    const kept = this.loaded.get(block) ?? (await this.loading.get(block));
    const bytes = kept ?? (await this.fetch(block));
    const { count } = this.blocks[block];
    const out = new Float32Array(count * this.width);
    this.copy(
      [bytes],
      new Uint32Array(count),
      Uint32Array.from({ length: count }, (_, i) => i),
      out,
    );
    if (!kept) this.spare.push(bytes.buffer as ArrayBuffer);
    return out;
  }

  /** Starts to read `blocks` in their order, and lets go of all blocks but these. */
  readAhead(blocks: readonly number[]): void {
    const keep = new Set(blocks);
    for (const block of this.loaded.keys()) if (!keep.has(block)) this.drop(block);
    this.ahead = blocks.filter((block) => !this.loaded.has(block) && !this.loading.has(block));
    this.pump();
  }

  private pump(): void {
    while (this.loading.size < READS && this.ahead.length > 0) {
      const block = this.ahead.shift()!;
      // A failure is told by the read that needs the block.
      if (!this.loaded.has(block) && !this.loading.has(block))
        this.load(block)
          .then(() => this.pump())
          .catch(() => {});
    }
  }

  private async gatherMissing(
    blocks: readonly number[],
    bytes: (Uint8Array | undefined)[],
    slots: Uint32Array,
    rows: Uint32Array,
    into: Float32Array,
  ): Promise<void> {
    const fits = this.blocks.length * this.blockBytes <= this.memory;
    const places = new Uint32Array(blocks.length);
    for (const slot of slots) places[slot]++;
    this.gathering++;
    try {
      await Promise.all(
        blocks.map(async (block, slot) => {
          if (bytes[slot]) return;
          const many = fits || places[slot] * 4 >= this.blocks[block].count || this.ahead.includes(block);
          const read = this.loading.get(block) ?? (many ? this.load(block) : undefined);
          if (read) bytes[slot] = await read;
          // A few rows out of a block that nobody reads ahead: reading them alone is cheaper.
          else await this.gatherRows(block, slot, slots, rows, into);
        }),
      );
      const there = bytes.map((_, slot) => slot).filter((slot) => bytes[slot]);
      const slotOf = new Uint32Array(blocks.length).fill(there.length);
      for (const [place, slot] of there.entries()) slotOf[slot] = place;
      this.copy(
        there.map((slot) => bytes[slot]!),
        slots.map((slot) => slotOf[slot]),
        rows,
        into,
      );
    } finally {
      this.gathering--;
    }
  }

  private async gatherRows(
    block: number,
    slot: number,
    slots: Uint32Array,
    rows: Uint32Array,
    into: Float32Array,
  ): Promise<void> {
    const { shard, offset } = this.blocks[block];
    const file = await open(join(this.dir, shard.file), "r");
    try {
      const bytes = new Uint8Array(this.bytesPerRow);
      for (const [i, of] of slots.entries()) {
        if (of !== slot) continue;
        await readFully(file, bytes, offset + rows[i] * this.bytesPerRow, shard.file);
        this.copy([bytes], Uint32Array.of(0), Uint32Array.of(0), into.subarray(i * this.width));
      }
    } finally {
      await file.close();
    }
  }

  /** Rows `rows` of `bytes[slots]` to the front of `into`; those whose slot is none are left alone. */
  private copy(
    bytes: readonly (Uint8Array | undefined)[],
    slots: Uint32Array,
    rows: Uint32Array,
    into: Float32Array,
  ): void {
    const half = this.dtype === "float16";
    gathering().gatherRows(bytes, slots, rows, rows.length, this.width, half, into);
  }

  private load(block: number): Promise<Uint8Array> {
    const reading = this.fetch(block).finally(() => this.loading.delete(block));
    this.loading.set(block, reading);
    return reading.then((bytes) => {
      this.loaded.set(block, bytes);
      const limit = Math.max(1, Math.floor(this.memory / this.blockBytes));
      for (const oldest of this.loaded.keys()) {
        if (this.loaded.size <= limit) break;
        this.drop(oldest);
      }
      return bytes;
    });
  }

  /** Lets go of a block. Its memory is used again: to touch fresh memory costs more than to fill it. */
  private drop(block: number): void {
    const bytes = this.loaded.get(block);
    this.loaded.delete(block);
    // A gathering that waits for others may have it still.
    if (bytes && this.gathering === 0) this.spare.push(bytes.buffer as ArrayBuffer);
  }

  private async fetch(block: number): Promise<Uint8Array> {
    const { shard, count, offset } = this.blocks[block];
    const memory = this.spare.pop() ?? new ArrayBuffer(this.largest);
    const bytes = new Uint8Array(memory, 0, count * this.bytesPerRow);
    const file = await open(join(this.dir, shard.file), "r");
    try {
      await readFully(file, bytes, offset, shard.file);
    } finally {
      await file.close();
    }
    return bytes;
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

async function readFully(file: Handle, into: Uint8Array, position: number, name: string): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) {
      throw new Error(
        `${name}: expected ${into.length} bytes at ${position}, got ${done} (do: open the activations again)`,
      );
    }
    done += bytesRead;
  }
}
