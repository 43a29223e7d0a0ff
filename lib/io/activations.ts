/** Activations computed once: float32 rows in shards under a key's hash, resumed at the shard and verified on opening. */
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "./atomic";
import { cacheFolder } from "./cache-folder";
import { findBrokenShard, readAllShards, readShard, type Shard, sha256, writeShard } from "./shards";

/** JSON that names everything the numbers depend on. */
export type KeyValue =
  | string
  | number
  | boolean
  | null
  | readonly KeyValue[]
  | { readonly [name: string]: KeyValue };

/** What a cache is of: model, data, hookPoint, views, seed, preprocessing, …; another key is another cache. */
export type ActivationKey = { readonly [name: string]: KeyValue };

/**
 * Produces the rows from row `from` on, as blocks of whole rows [n·D] in the order of the rows. The same `from` must
 * give the same rows whenever it is called. Blocks may have any number of rows.
 */
export type ComputeActivations = (from: number, signal?: AbortSignal) => AsyncIterable<Float32Array>;

export interface ActivationOptions {
  key: ActivationKey;
  /** Number N of rows there will be. */
  rows: number;
  /** Width D of a row. */
  width: number;
  /** Called only for rows that are not there yet. */
  compute: ComputeActivations;
  /** Folder of all caches. Default: `.vitrine/activations` in the project. */
  dir?: string;
  /** Rows a shard: the most that an interruption loses. Default 16,384. */
  shardRows?: number;
  /** Told after each block, and once at the end. */
  onProgress?: (progress: ActivationProgress) => void;
  /** Stops between blocks, throwing the signal's reason; whole shards stay for the next time. */
  signal?: AbortSignal;
  /** Whether to check every shard's SHA-256 and not only its length. Default true. */
  verify?: boolean;
}

export interface ActivationProgress {
  /** Rows that exist. */
  done: number;
  /** Rows there will be. */
  total: number;
  /** Whether they were all there before. */
  cached: boolean;
}

interface Manifest {
  format: 1;
  key: ActivationKey;
  rows: number;
  width: number;
  shardRows: number;
  shards: Shard[];
}

/**
 * A finished cache with its rows in memory. It has the form of a training source (`rows`, `width`, `gather`), and
 * `contentHash` names the key.
 */
export class Activations {
  constructor(
    /** Row after row [N·D]. */
    readonly data: Float32Array,
    readonly rows: number,
    readonly width: number,
    readonly contentHash: string,
    /** The cache's own folder. */
    readonly dir: string,
  ) {}

  /** Row `index` [D], not copied. */
  row(index: number): Float32Array {
    if (!(index >= 0 && index < this.rows)) {
      throw new Error(`Activations.row: expected 0 <= index < ${this.rows}, got ${index}`);
    }
    return this.data.subarray(index * this.width, (index + 1) * this.width);
  }

  /** Copies rows `indices` [n] to the front of `into` [n·D]. */
  gather(indices: Uint32Array, into: Float32Array): void {
    for (let i = 0; i < indices.length; i++) into.set(this.row(indices[i]), i * this.width);
  }

  /** Rows `from` to `to`, not copied, as activations of their own: a split, for instance. */
  slice(from: number, to: number): Activations {
    if (!(from >= 0 && from < to && to <= this.rows)) {
      throw new Error(`Activations.slice: expected 0 <= from < to <= ${this.rows}, got ${from} and ${to}`);
    }
    const part = this.data.subarray(from * this.width, to * this.width);
    return new Activations(part, to - from, this.width, `${this.contentHash}:${from}-${to}`, this.dir);
  }
}

/** Hexadecimal SHA-256 of a key and the shape, whatever the order of the key's fields. */
export function activationHash(key: ActivationKey, rows: number, width: number): string {
  return sha256(JSON.stringify(sorted({ key, rows, width })));
}

/**
 * Opens the cache of `key`, computing first what is missing of it. Shards of which the length or the checksum is wrong
 * are computed again, with all after them.
 * Throws when `compute` gives rows of another width or number, or numbers that are not finite.
 */
export async function openOrComputeActivations(options: ActivationOptions): Promise<Activations> {
  const {
    key,
    rows,
    width,
    compute,
    signal,
    onProgress = () => {},
    shardRows = 16384,
    verify = true,
  } = options;
  for (const [name, value] of Object.entries({ rows, width, shardRows })) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new Error(`openOrComputeActivations: expected ${name} to be a whole number > 0, got ${value}`);
    }
  }
  const hash = activationHash(key, rows, width);
  const dir = join(options.dir ?? cacheFolder("activations"), hash.slice(0, 16));
  const manifest: Manifest = (await readManifest(dir, key, rows, width)) ?? {
    format: 1,
    key,
    rows,
    width,
    shardRows,
    shards: [],
  };
  await dropBroken(dir, manifest, verify);
  const doneBefore = rowsOf(manifest);
  if (doneBefore < rows) await computeRest(dir, manifest, compute, onProgress, signal);
  onProgress({ done: rows, total: rows, cached: doneBefore === rows });
  const bytes = await readAllShards(dir, manifest.shards);
  const data = new Float32Array(bytes.buffer, bytes.byteOffset, rows * width);
  return new Activations(data, rows, width, hash, dir);
}

async function computeRest(
  dir: string,
  manifest: Manifest,
  compute: ComputeActivations,
  onProgress: (progress: ActivationProgress) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { rows, width, shardRows, shards } = manifest;
  let first = rowsOf(manifest);
  let shard = new Float32Array(Math.min(shardRows, rows - first) * width);
  let filled = 0;
  for await (const block of compute(first, signal)) {
    if (block.length % width !== 0) {
      throw new Error(
        `openOrComputeActivations: expected whole rows of ${width}, got ${block.length} numbers`,
      );
    }
    const bad = block.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const row = first + Math.floor((filled + bad) / width);
      throw new Error(`openOrComputeActivations: expected finite numbers, got ${block[bad]} in row ${row}`);
    }
    for (let offset = 0; offset < block.length; ) {
      if (first === rows) throw new Error(`openOrComputeActivations: expected ${rows} rows, got more`);
      const taken = Math.min(block.length - offset, shard.length - filled);
      shard.set(block.subarray(offset, offset + taken), filled);
      offset += taken;
      filled += taken;
      if (filled < shard.length) continue;
      const count = filled / width;
      const name = `rows-${String(shards.length).padStart(5, "0")}.f32`;
      const bytes = new Uint8Array(shard.buffer, 0, shard.byteLength);
      shards.push(await writeShard(dir, name, first, count, bytes));
      await writeFileAtomic(join(dir, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
      first += count;
      shard = new Float32Array(Math.min(shardRows, rows - first) * width);
      filled = 0;
    }
    onProgress({ done: first + filled / width, total: rows, cached: false });
    signal?.throwIfAborted();
  }
  if (first < rows) {
    throw new Error(`openOrComputeActivations: expected ${rows} rows, got ${first + filled / width}`);
  }
}

/** Takes from the manifest the first shard that is not as it was written, and all after it. */
async function dropBroken(dir: string, manifest: Manifest, verify: boolean): Promise<void> {
  let broken = await findBrokenShard(dir, manifest.shards);
  for (const shard of manifest.shards) {
    if (!verify || shard === broken) break;
    const good = await readShard(dir, shard, { verify: true }).then(
      () => true,
      () => false,
    );
    if (!good) broken = shard;
  }
  if (!broken) return;
  const dropped = manifest.shards.splice(manifest.shards.indexOf(broken));
  await writeFileAtomic(join(dir, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const shard of dropped) await rm(join(dir, shard.file), { force: true });
}

async function readManifest(
  dir: string,
  key: ActivationKey,
  rows: number,
  width: number,
): Promise<Manifest | undefined> {
  const path = join(dir, "manifest.json");
  if (!existsSync(path)) return undefined;
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  const there = activationHash(manifest.key, manifest.rows, manifest.width);
  if (manifest.format !== 1 || there !== activationHash(key, rows, width)) {
    throw new Error(`${path}: expected the manifest of this key, got another's (do: delete the folder)`);
  }
  return manifest;
}

function rowsOf({ shards }: Manifest): number {
  return shards.reduce((sum, { count }) => sum + count, 0);
}

function sorted(value: KeyValue | { key: ActivationKey; rows: number; width: number }): unknown {
  if (Array.isArray(value)) return value.map((one) => sorted(one as KeyValue));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value as ActivationKey).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
