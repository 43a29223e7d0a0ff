/** Activations computed once: shards under a key's hash, resumed at the shard and verified on opening. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Activations, WINDOW_BYTES } from "./activations";
import { writeFileAtomic } from "./atomic";
import { cacheFolder } from "./cache-folder";
import { RowBlocks, type RowDtype } from "./row-blocks";
import { writeSafetensors } from "./safetensors";
import { findBrokenShard, readShard, type Shard, sha256 } from "./shards";

/** JSON that names everything the numbers depend on. */
export type KeyValue =
  | string
  | number
  | boolean
  | null
  | readonly KeyValue[]
  | { readonly [name: string]: KeyValue };

/** What a store is of: model, data, hookPoint, tokens, views, seed, preprocessing, …; another key is another store. */
export type ActivationKey = { readonly [name: string]: KeyValue };

/**
 * Produces the rows from row `from` on, as blocks of whole rows [n·W] in the order of the rows. The same `from` must
 * give the same rows whenever it is called. Blocks may have any number of rows.
 */
export type ComputeActivations = (from: number, signal?: AbortSignal) => AsyncIterable<Float32Array>;

export interface ActivationOptions {
  key: ActivationKey;
  /** Number N of rows there will be. */
  rows: number;
  /** Width W of a row. */
  width: number;
  /** How numbers are stored. Default float32; float16 halves the disk and rounds to 11 bits. */
  dtype?: RowDtype;
  /** Called only for rows that are not there yet. */
  compute: ComputeActivations;
  /** Folder of all stores, each in a folder of its own under its hash. Default: `.vitrine/activations` in the project. */
  dir?: string;
  /** This store's own folder, instead of one in `dir`. Refused when it holds another key's. */
  folder?: string;
  /** Rows a shard: the most that an interruption loses. Default 16,384, or what fits in 64 MB. */
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
  format: 2;
  key: ActivationKey;
  rows: number;
  width: number;
  dtype: RowDtype;
  shardRows: number;
  shards: Shard[];
}

const SHARD_BYTES = 64 << 20;
/** Two windows of the shuffled order, with room to read ahead in. */
const MEMORY = 2.5 * WINDOW_BYTES;
const LARGEST_HALF = 65504;

/** Hexadecimal SHA-256 of a key, the shape and the dtype, whatever the order of the key's fields. */
export function activationHash(
  key: ActivationKey,
  rows: number,
  width: number,
  dtype: RowDtype = "float32",
): string {
  return sha256(JSON.stringify(sorted({ key, rows, width, dtype })));
}

/**
 * Opens the store of `key`, computing first what is missing of it. Shards of which the length or the checksum is wrong
 * are computed again, with all after them. Throws when `compute` gives rows of another width or number, numbers that are not finite,
 * or for float16 numbers beyond 65,504.
 */
export async function openOrComputeActivations(options: ActivationOptions): Promise<Activations> {
  const {
    key,
    rows,
    width,
    compute,
    signal,
    onProgress = () => {},
    dtype = "float32",
    shardRows = Math.max(1, Math.min(16384, Math.floor(SHARD_BYTES / (width * 4)))),
    verify = true,
  } = options;
  for (const [name, value] of Object.entries({ rows, width, shardRows })) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new Error(`openOrComputeActivations: expected ${name} to be a whole number > 0, got ${value}`);
    }
  }
  const hash = activationHash(key, rows, width, dtype);
  const dir = options.folder ?? join(options.dir ?? cacheFolder("activations"), hash.slice(0, 16));
  const fresh: Manifest = { format: 2, key, rows, width, dtype, shardRows, shards: [] };
  const manifest = (await readManifest(dir)) ?? fresh;
  if (hashOf(manifest) !== hash) {
    throw new Error(
      `${dir}: expected the activations of this model, data and hook point, got others' (do: another folder, or delete this one)`,
    );
  }
  await dropBroken(dir, manifest, verify);
  const doneBefore = rowsOf(manifest);
  if (doneBefore < rows) await computeRest(dir, manifest, compute, onProgress, signal);
  onProgress({ done: rows, total: rows, cached: doneBefore === rows });
  return asActivations(dir, manifest);
}

/** Opens a finished store by its folder. Throws when there is none, it is not finished, or a shard is not as it was written. */
export async function openActivations(
  folder: string,
  { verify = true }: { verify?: boolean } = {},
): Promise<Activations> {
  const manifest = await readManifest(folder);
  if (!manifest) throw new Error(`${folder}: expected a folder of activations, got no manifest.json`);
  const done = rowsOf(manifest);
  if (done < manifest.rows) {
    throw new Error(
      `${folder}: expected ${manifest.rows} rows, got ${done} (do: run what computes them again; it goes on)`,
    );
  }
  const broken = await findBroken(folder, manifest, verify);
  if (broken) {
    throw new Error(
      `${join(folder, broken.file)}: expected the shard as it was written, got another (do: run what computes it again)`,
    );
  }
  return asActivations(folder, manifest);
}

function asActivations(dir: string, manifest: Manifest): Activations {
  const { rows, width, dtype, shards } = manifest;
  const blocks = new RowBlocks(dir, shards, width, dtype, MEMORY);
  return new Activations(blocks, { first: 0, count: rows }, hashOf(manifest), dir);
}

async function computeRest(
  dir: string,
  manifest: Manifest,
  compute: ComputeActivations,
  onProgress: (progress: ActivationProgress) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { rows, width, shardRows, dtype } = manifest;
  let first = rowsOf(manifest);
  const buffer = new Float32Array(Math.min(shardRows, rows - first) * width);
  let shard = buffer;
  let filled = 0;
  for await (const block of compute(first, signal)) {
    if (block.length % width !== 0) {
      throw new Error(
        `openOrComputeActivations: expected whole rows of ${width}, got ${block.length} numbers`,
      );
    }
    checkNumbers(block, dtype, (at) => first + Math.floor((filled + at) / width));
    for (let offset = 0; offset < block.length; ) {
      if (first === rows) throw new Error(`openOrComputeActivations: expected ${rows} rows, got more`);
      const taken = Math.min(block.length - offset, shard.length - filled);
      shard.set(block.subarray(offset, offset + taken), filled);
      offset += taken;
      filled += taken;
      if (filled < shard.length) continue;
      manifest.shards.push(await writeRows(dir, manifest, first, shard));
      await writeFileAtomic(join(dir, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
      first += filled / width;
      shard = buffer.subarray(0, Math.min(shardRows, rows - first) * width);
      filled = 0;
    }
    onProgress({ done: first + filled / width, total: rows, cached: false });
    signal?.throwIfAborted();
  }
  if (first < rows) {
    throw new Error(`openOrComputeActivations: expected ${rows} rows, got ${first + filled / width}`);
  }
}

/** Throws on the first number that the store cannot keep. */
function checkNumbers(block: Float32Array, dtype: RowDtype, rowAt: (index: number) => number): void {
  const limit = dtype === "float16" ? LARGEST_HALF : Number.MAX_VALUE;
  for (let i = 0; i < block.length; i++) {
    if (Math.abs(block[i]) <= limit) continue;
    const wanted = Number.isFinite(block[i]) ? `numbers up to ${limit} for float16` : "finite numbers";
    const remedy = Number.isFinite(block[i]) ? " (do: store float32)" : "";
    throw new Error(
      `openOrComputeActivations: expected ${wanted}, got ${block[i]} in row ${rowAt(i)}${remedy}`,
    );
  }
}

async function writeRows(dir: string, manifest: Manifest, first: number, data: Float32Array): Promise<Shard> {
  const { width, dtype, shards } = manifest;
  const file = `rows-${String(shards.length).padStart(5, "0")}.safetensors`;
  const count = data.length / width;
  await mkdir(dir, { recursive: true });
  const stored = dtype === "float16" ? ("F16" as const) : ("F32" as const);
  await writeSafetensors(
    join(dir, file),
    new Map([["activations", { dtype: stored, shape: [count, width], data }]]),
    { first_row: String(first), hash: hashOf(manifest) },
  );
  const bytes = await readFile(join(dir, file));
  return { file, first, count, bytes: bytes.length, sha256: sha256(bytes) };
}

/** Takes from the manifest the first shard that is not as it was written, and all after it. */
async function dropBroken(dir: string, manifest: Manifest, verify: boolean): Promise<void> {
  const broken = await findBroken(dir, manifest, verify);
  if (!broken) return;
  const dropped = manifest.shards.splice(manifest.shards.indexOf(broken));
  await writeFileAtomic(join(dir, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const shard of dropped) await rm(join(dir, shard.file), { force: true });
}

async function findBroken(dir: string, { shards }: Manifest, verify: boolean): Promise<Shard | null> {
  const broken = await findBrokenShard(dir, shards);
  for (const shard of verify ? shards : []) {
    if (shard === broken) break;
    const good = await readShard(dir, shard, { verify: true }).then(
      () => true,
      () => false,
    );
    if (!good) return shard;
  }
  return broken;
}

async function readManifest(dir: string): Promise<Manifest | undefined> {
  const path = join(dir, "manifest.json");
  if (!existsSync(path)) {
    const isFile = await stat(dir).then(
      (info) => !info.isDirectory(),
      () => false,
    );
    if (isFile) throw new Error(`${dir}: expected a folder, got a file`);
    return undefined;
  }
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  if (manifest.format !== 2 || !Array.isArray(manifest.shards)) {
    throw new Error(
      `${path}: expected a manifest of activations, format 2, got another file (do: another folder, or delete this one)`,
    );
  }
  return manifest;
}

function hashOf({ key, rows, width, dtype }: Manifest): string {
  return activationHash(key, rows, width, dtype);
}

function rowsOf({ shards }: Manifest): number {
  return shards.reduce((sum, { count }) => sum + count, 0);
}

type Sortable = KeyValue | { [name: string]: KeyValue | ActivationKey };

function sorted(value: Sortable): unknown {
  if (Array.isArray(value)) return value.map((one) => sorted(one as KeyValue));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value as ActivationKey).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
