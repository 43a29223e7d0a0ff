/** Columns that take long to compute: kept by content hash, so that a stopped build goes on in the middle and the next one reads them back. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { cacheFolder, readSafetensors, type StoredTensor, writeSafetensors } from "../../lib/io";

type Kept = Float32Array | Int32Array | Uint8Array;

const DTYPES = { Float32Array: "F32", Int32Array: "I32", Uint8Array: "U8" } as const;

export interface KeptOptions<C extends Record<string, Kept>> {
  /** What it is, for progress and file names. */
  stage: string;
  /** By all that the numbers depend on; undefined keeps nothing. */
  key: string | undefined;
  /** Filled in place. */
  columns: C;
  /** Things that are computed one after the other, and how many at once. */
  rows: number;
  size: number;
  /** Fills what belongs to things `from` to `to`. */
  compute: (from: number, to: number) => Promise<void>;
  /** Folder of the files. Default: `.vitrine/explorer`. */
  cache?: string;
  /** Seconds between two saves. Default 20. */
  saveEvery?: number;
  onProgress?: (stage: string, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** The columns, computed as far as they are not kept yet. A stop by the signal loses what is unsaved of one block alone. */
export async function keptColumns<C extends Record<string, Kept>>(options: KeptOptions<C>): Promise<C> {
  const { stage, key, columns, rows, size, compute, cache, saveEvery = 20, signal } = options;
  const { onProgress = () => {} } = options;
  const path =
    key && join(cache ?? cacheFolder("explorer"), `${stage.replaceAll(" ", "-")}-${key}.safetensors`);
  let next = path && existsSync(path) ? await fill(path, columns) : 0;
  const save = async () => {
    if (!path) return;
    const tensors = new Map<string, StoredTensor>();
    for (const [name, data] of Object.entries(columns)) {
      const dtype = DTYPES[data.constructor.name as keyof typeof DTYPES];
      tensors.set(name, { dtype, data, shape: [data.length] } as StoredTensor);
    }
    await writeSafetensors(path, tensors, { next: String(next) });
  };
  let saved = performance.now();
  while (next < rows) {
    if (signal?.aborted) {
      await save();
      throw signal.reason;
    }
    const to = Math.min(rows, next + size);
    await compute(next, to);
    next = to;
    onProgress(stage, next, rows);
    if (next === rows || performance.now() - saved > 1000 * saveEvery) {
      await save();
      saved = performance.now();
    }
    await yieldToEvents();
  }
  return columns;
}

async function fill(path: string, columns: Record<string, Kept>): Promise<number> {
  const { tensors, metadata } = await readSafetensors(path);
  for (const [name, column] of Object.entries(columns)) {
    const data = tensors.get(name)?.data as Kept | undefined;
    if (data?.length !== column.length) {
      throw new Error(
        `${path}: expected "${name}" of ${column.length} numbers, got ${data?.length ?? "none"} (do: delete it)`,
      );
    }
    column.set(data);
  }
  return Number(metadata.next);
}
