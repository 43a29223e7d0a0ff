/** One pass of an SAE over rows of activations, in order: resumes where it was interrupted, is read back when it was done before. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { cacheFolder } from "../io";
import { type ActivationSource, type FiringFeatures, type Sae, SparseEncoder } from "../sae";
import { tf } from "../tensor";

/** Feature activations at once, B·F, where they are a matrix: 64 MB, so that a batch stays small whatever F is; and where they are lists. */
const AT_ONCE = { matrix: 2 ** 24, lists: 2 ** 26 };

export interface FeaturePassOptions {
  /** Rows at once. Default: at most 1,024, and so many that B·F stays below 2²⁴, or 2²⁶ where activations come as lists. */
  batchSize?: number;
  /** Where the result is kept by content hash. Default: `.vitrine/statistics` in the project; false keeps nothing. */
  cache?: string | false;
  /** Seconds between two saves of what is done so far: the most that an interruption loses. Default 30. */
  saveEvery?: number;
  /** Told after each batch; `cached` when all was read from the cache. */
  onProgress?: (progress: { done: number; total: number; cached: boolean }) => void;
  /** Stops between batches after saving, throwing the signal's reason. */
  signal?: AbortSignal;
}

/** What takes feature activations in and can be kept in a file. */
export interface FeatureAccumulator {
  /** Adds feature activations f [n·F] of rows `firstRow`, `firstRow` + 1, … */
  add(f: Float32Array, firstRow: number): void;
  /** The same for `count` rows from lists of what fires, in parts of different features; used where the SAE has a `SparseEncoder`. */
  addFiring?(parts: Iterable<FiringFeatures>, count: number, firstRow: number): void;
  /** `next` is the first row that is not in it. */
  save(path: string, next: number): Promise<void>;
}

export interface FeaturePass<A extends FeatureAccumulator> {
  /** What errors are said by. */
  where: string;
  /** How its files' names begin. */
  prefix: string;
  /** Version of the format and whatever else the result depends on beside SAE and rows. */
  key: readonly [version: string, ...parameters: unknown[]];
  empty(): A;
  load(path: string): Promise<{ accumulator: A; next: number }>;
}

/** Adds the activations of `sae` on all rows of `source`; both stay the caller's. Without a `contentHash` of the source nothing is kept. */
export async function featurePass<A extends FeatureAccumulator>(
  sae: Sae,
  source: ActivationSource,
  pass: FeaturePass<A>,
  options: FeaturePassOptions,
): Promise<A> {
  const { dIn, dSae } = sae.config;
  const { saveEvery = 30, onProgress = () => {}, signal } = options;
  if (source.width !== dIn) throw new Error(`${pass.where}: expected rows of ${dIn}, got ${source.width}`);
  const path = await cachePath(sae, source, pass, options.cache);
  const kept = path && existsSync(path) ? await pass.load(path) : undefined;
  const accumulator = kept?.accumulator ?? pass.empty();
  let next = kept?.next ?? 0;
  if (next === source.rows) {
    onProgress({ done: next, total: next, cached: true });
    return accumulator;
  }
  const encoder = accumulator.addFiring && SparseEncoder.of(sae);
  const fitting = Math.floor(AT_ONCE[encoder ? "lists" : "matrix"] / dSae);
  const { batchSize = Math.max(1, Math.min(1024, fitting)) } = options;
  let saved = performance.now();
  try {
    while (next < source.rows) {
      if (signal?.aborted) {
        if (path) await accumulator.save(path, next);
        throw signal.reason;
      }
      const count = Math.min(batchSize, source.rows - next);
      const rows = new Float32Array(count * dIn);
      await source.gather(
        Uint32Array.from({ length: count }, (_, i) => next + i),
        rows,
      );
      if (encoder) accumulator.addFiring?.(encoder.encode(rows, count), count, next);
      else accumulator.add(encode(sae, rows, count), next);
      next += count;
      onProgress({ done: next, total: source.rows, cached: false });
      if (path && (next === source.rows || performance.now() - saved > 1000 * saveEvery)) {
        await accumulator.save(path, next);
        saved = performance.now();
      }
      await yieldToEvents();
    }
  } finally {
    encoder?.dispose();
  }
  return accumulator;
}

function encode(sae: Sae, rows: Float32Array, count: number): Float32Array {
  const x = tf.tensor2d(rows, [count, sae.config.dIn]);
  const f = sae.encode(x);
  const values = f.dataSync<"float32">();
  tf.dispose([x, f]);
  return values;
}

/** Where a pass is kept; undefined when nothing is to be kept. */
async function cachePath<A extends FeatureAccumulator>(
  sae: Sae,
  source: ActivationSource,
  { prefix, key }: FeaturePass<A>,
  cache: string | false | undefined,
): Promise<string | undefined> {
  if (cache === false) return undefined;
  const name = await featureKey(sae, source, ...key);
  return name && join(cache ?? cacheFolder("statistics"), `${prefix}-${name}.safetensors`);
}

/** Hexadecimal name of what is computed of an SAE on rows, by all that it depends on; undefined for rows without a `contentHash`. */
export async function featureKey(
  sae: Sae,
  source: ActivationSource,
  version: string,
  ...parameters: readonly unknown[]
): Promise<string | undefined> {
  if (!source.contentHash) return undefined;
  const hash = createHash("sha256").update(
    JSON.stringify([version, sae.config, source.contentHash, source.rows, ...parameters]),
  );
  for (const name of Object.keys(sae.weights).sort()) {
    const values = await sae.weights[name].data<"float32">();
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}
