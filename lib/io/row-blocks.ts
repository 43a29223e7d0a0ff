/** Rows of numbers in shard files, read in blocks of some megabytes, of which a bounded number stays in memory. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { RowRange } from "./block-shuffle";
import { float16Table } from "./half-floats";
import type { Shard } from "./shards";

export type RowDtype = "float32" | "float16";

const BLOCK_BYTES = 4 << 20;
/** Reads at a time when reading ahead: enough to keep a disk busy. */
const READS = 4;

interface Block extends RowRange {
  shard: Shard;
  /** Of its first row in the shard's file. */
  offset: number;
}

export class RowBlocks {
  readonly blocks: readonly Block[];
  private readonly bytesPerRow: number;
  private readonly loaded = new Map<number, Uint8Array>();
  private readonly loading = new Map<number, Promise<Uint8Array>>();
  private ahead: number[] = [];

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

  /** Copies rows to the front of `into`. Finishes at once when their blocks are in memory. */
  gather(indices: Uint32Array, into: Float32Array): void | Promise<void> {
    const wanted = new Map<number, number[]>(); // block -> places in `indices`
    for (let place = 0; place < indices.length; place++) {
      const block = this.blockOf(indices[place]);
      const places = wanted.get(block);
      if (places) places.push(place);
      else wanted.set(block, [place]);
    }
    const missing: [number, number[]][] = [];
    for (const [block, places] of wanted) {
      const bytes = this.loaded.get(block);
      if (bytes) this.copy(block, bytes, places, indices, into);
      else missing.push([block, places]);
    }
    if (missing.length > 0) return this.gatherMissing(missing, indices, into);
  }

  /** One block as float32 [count·W], not kept in memory. */
  async read(block: number): Promise<Float32Array> {
    const bytes = this.loaded.get(block) ?? (await this.loading.get(block)) ?? (await this.fetch(block));
    const out = new Float32Array(this.blocks[block].count * this.width);
    this.widen(bytes, 0, out, 0, out.length);
    return out;
  }

  /** Starts to read `blocks` in their order, and lets go of all blocks but these. */
  readAhead(blocks: readonly number[]): void {
    const keep = new Set(blocks);
    for (const block of this.loaded.keys()) if (!keep.has(block)) this.loaded.delete(block);
    this.ahead = blocks.filter((block) => !this.loaded.has(block) && !this.loading.has(block));
    this.pump();
  }

  private pump(): void {
    while (this.loading.size < READS && this.ahead.length > 0) {
      const block = this.ahead.shift()!;
      // A failure is told by the read that needs the block.
      if (!this.loaded.has(block))
        this.load(block)
          .then(() => this.pump())
          .catch(() => {});
    }
  }

  private async gatherMissing(
    missing: [number, number[]][],
    indices: Uint32Array,
    into: Float32Array,
  ): Promise<void> {
    const fits = this.blocks.length * this.blockBytes <= this.memory;
    const whole = missing.map(([block, places]) => {
      const underWay = this.loading.get(block);
      const many = fits || places.length * 4 >= this.blocks[block].count;
      return underWay ?? (many ? this.load(block) : undefined);
    });
    for (const read of whole) read?.catch(() => {}); // told when it is awaited
    for (const [i, [block, places]] of missing.entries()) {
      const bytes = await whole[i];
      if (bytes) this.copy(block, bytes, places, indices, into);
      else await this.gatherRows(block, places, indices, into);
    }
  }

  /** A few rows out of a block that nobody follows: reading them alone is cheaper. */
  private async gatherRows(
    block: number,
    places: readonly number[],
    indices: Uint32Array,
    into: Float32Array,
  ): Promise<void> {
    const { shard, first, offset } = this.blocks[block];
    const file = await open(join(this.dir, shard.file), "r");
    try {
      const bytes = new Uint8Array(this.bytesPerRow);
      for (const place of places) {
        await readFully(file, bytes, offset + (indices[place] - first) * this.bytesPerRow, shard.file);
        this.widen(bytes, 0, into, place * this.width, this.width);
      }
    } finally {
      await file.close();
    }
  }

  private copy(
    block: number,
    bytes: Uint8Array,
    places: readonly number[],
    indices: Uint32Array,
    into: Float32Array,
  ): void {
    const { first } = this.blocks[block];
    for (const place of places) {
      this.widen(bytes, (indices[place] - first) * this.width, into, place * this.width, this.width);
    }
  }

  private widen(bytes: Uint8Array, from: number, into: Float32Array, to: number, count: number): void {
    if (this.dtype === "float32") {
      into.set(new Float32Array(bytes.buffer, bytes.byteOffset + from * 4, count), to);
      return;
    }
    const bits = new Uint16Array(bytes.buffer, bytes.byteOffset + from * 2, count);
    const table = float16Table();
    for (let i = 0; i < count; i++) into[to + i] = table[bits[i]];
  }

  private load(block: number): Promise<Uint8Array> {
    const reading = this.fetch(block).finally(() => this.loading.delete(block));
    this.loading.set(block, reading);
    return reading.then((bytes) => {
      this.loaded.set(block, bytes);
      const limit = Math.max(1, Math.floor(this.memory / this.blockBytes));
      for (const oldest of this.loaded.keys()) {
        if (this.loaded.size <= limit) break;
        this.loaded.delete(oldest);
      }
      return bytes;
    });
  }

  private async fetch(block: number): Promise<Uint8Array> {
    const { shard, count, offset } = this.blocks[block];
    const bytes = new Uint8Array(count * this.bytesPerRow);
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
