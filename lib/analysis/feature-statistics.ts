/** What one pass over a data set tells of every feature: how often, how strongly, on which rows. Streams, merges, resumes. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { cacheFolder, readSafetensors, type StoredTensor, writeSafetensors } from "../io";
import type { ActivationSource, Sae } from "../sae";
import { tf } from "../tensor";
import { FeatureDensity } from "./density";
import { TopExamples } from "./top-examples";

/** Rows on which most features fire that are kept. */
const BUSIEST = 20;

/** Feature activations held at once, B·F: 64 MB, so that a batch stays small whatever F is. */
const ACTIVATIONS_AT_ONCE = 2 ** 24;

/** Statistics of F features over the rows added so far; parts of disjoint rows can be merged in any order. */
export class FeatureStatistics {
  private constructor(
    readonly density: FeatureDensity,
    readonly top: TopExamples,
    /** The rows on which most features fire: `busiest.feature(0)` has rows and numbers of features. */
    readonly busiest: TopExamples,
    /** Number of rows on which exactly n features fire, [F+1]. */
    readonly rowsByL0: Float64Array,
  ) {}

  /** For F `dSae` features, of which the `topK` strongest rows are kept. */
  static empty(dSae: number, topK: number): FeatureStatistics {
    return new FeatureStatistics(
      new FeatureDensity(dSae),
      new TopExamples(dSae, topK),
      new TopExamples(1, BUSIEST),
      new Float64Array(dSae + 1),
    );
  }

  get dSae(): number {
    return this.density.dSae;
  }

  /** Adds feature activations f [n·F] of rows `firstRow`, `firstRow` + 1, … */
  add(f: Float32Array, firstRow: number): void {
    const { dSae, density, top, busiest, rowsByL0 } = this;
    if (f.length % dSae !== 0) {
      throw new Error(`FeatureStatistics.add: expected rows of ${dSae}, got ${f.length} numbers`);
    }
    const rows = f.length / dSae;
    for (let i = 0; i < rows; i++) {
      let active = 0;
      for (let feature = 0, at = i * dSae; feature < dSae; feature++, at++) {
        const value = f[at];
        if (value > 0) {
          active++;
          density.count(feature, value);
          top.offer(feature, value, firstRow + i);
        }
      }
      rowsByL0[active]++;
      if (active > 0) busiest.offer(0, active, firstRow + i);
    }
    density.addRows(rows);
  }

  /** Takes in what another one has seen; their rows must be different ones. */
  merge(other: FeatureStatistics): void {
    this.density.merge(other.density);
    this.top.merge(other.top);
    this.busiest.merge(other.busiest);
    for (let n = 0; n < this.rowsByL0.length; n++) this.rowsByL0[n] += other.rowsByL0[n];
  }

  /** As a safetensors file. `next` is the first row that is not in it. */
  async save(path: string, next: number): Promise<void> {
    const { rows, ...density } = this.density.state();
    const tensors = new Map<string, StoredTensor>();
    const put = (name: string, dtype: StoredTensor["dtype"], data: StoredTensor["data"], shape: number[]) =>
      tensors.set(name, { dtype, data, shape });
    const F = this.dSae;
    put("fired", "F64", density.fired, [F]);
    put("sums", "F64", density.sums, [F]);
    put("rows_by_l0", "F64", this.rowsByL0, [F + 1]);
    for (const [name, part] of [
      ["top", this.top],
      ["busiest", this.busiest],
    ] as const) {
      const { k, activations, rows: topRows, held } = part.state();
      put(`${name}.activations`, "F32", activations, [part.dSae, k]);
      put(`${name}.rows`, "I32", topRows, [part.dSae, k]);
      put(`${name}.held`, "I32", held, [part.dSae]);
    }
    await writeSafetensors(path, tensors, { rows: String(rows), next: String(next) });
  }

  /** What `save` wrote. */
  static async load(path: string): Promise<{ statistics: FeatureStatistics; next: number }> {
    const { tensors, metadata } = await readSafetensors(path);
    const get = <T>(name: string) => {
      const found = tensors.get(name);
      if (!found)
        throw new Error(`${path}: expected feature statistics with "${name}", got none (do: delete it)`);
      return found.data as T;
    };
    const topOf = (name: string) =>
      TopExamples.fromState({
        k: tensors.get(`${name}.rows`)?.shape[1] ?? 0,
        activations: get<Float32Array>(`${name}.activations`),
        rows: get<Int32Array>(`${name}.rows`),
        held: get<Int32Array>(`${name}.held`),
      });
    const density = FeatureDensity.fromState({
      rows: Number(metadata.rows),
      fired: get<Float64Array>("fired"),
      sums: get<Float64Array>("sums"),
    });
    const statistics = new FeatureStatistics(
      density,
      topOf("top"),
      topOf("busiest"),
      get<Float64Array>("rows_by_l0"),
    );
    return { statistics, next: Number(metadata.next) };
  }
}

export interface FeatureStatisticsOptions {
  /** Strongest rows kept for each feature. Default 20 (Fry, 2024). */
  topK?: number;
  /** Rows at once. Default: at most 1,024, and so many that B·F stays below 2²⁴. */
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

/**
 * The statistics of `sae` over all rows of `source`, in order; both stay the caller's. Memory does not depend on the number of rows.
 * With a `contentHash` of the source the result is kept: the same SAE on the same rows is read back, an interrupted pass goes on.
 */
export async function featureStatistics(
  sae: Sae,
  source: ActivationSource,
  options: FeatureStatisticsOptions = {},
): Promise<FeatureStatistics> {
  const { dIn, dSae } = sae.config;
  const { topK = 20, saveEvery = 30, onProgress = () => {}, signal } = options;
  const { batchSize = Math.max(1, Math.min(1024, Math.floor(ACTIVATIONS_AT_ONCE / dSae))) } = options;
  if (source.width !== dIn)
    throw new Error(`featureStatistics: expected rows of ${dIn}, got ${source.width}`);
  const path = await cachePath(sae, source, topK, options.cache);
  const kept = path && existsSync(path) ? await FeatureStatistics.load(path) : undefined;
  const statistics = kept?.statistics ?? FeatureStatistics.empty(dSae, topK);
  let next = kept?.next ?? 0;
  if (next === source.rows) onProgress({ done: next, total: next, cached: true });
  let saved = performance.now();
  while (next < source.rows) {
    if (signal?.aborted) {
      if (path) await statistics.save(path, next);
      throw signal.reason;
    }
    const count = Math.min(batchSize, source.rows - next);
    const rows = new Float32Array(count * dIn);
    await source.gather(
      Uint32Array.from({ length: count }, (_, i) => next + i),
      rows,
    );
    statistics.add(encode(sae, rows, count), next);
    next += count;
    onProgress({ done: next, total: source.rows, cached: false });
    if (path && (next === source.rows || performance.now() - saved > 1000 * saveEvery)) {
      await statistics.save(path, next);
      saved = performance.now();
    }
    await yieldToEvents();
  }
  return statistics;
}

function encode(sae: Sae, rows: Float32Array, count: number): Float32Array {
  const x = tf.tensor2d(rows, [count, sae.config.dIn]);
  const f = sae.encode(x);
  const values = f.dataSync<"float32">();
  tf.dispose([x, f]);
  return values;
}

/** Named by all that the numbers depend on; undefined when nothing is to be kept. */
async function cachePath(
  sae: Sae,
  source: ActivationSource,
  topK: number,
  cache: string | false | undefined,
): Promise<string | undefined> {
  if (cache === false || !source.contentHash) return undefined;
  const hash = createHash("sha256").update(
    JSON.stringify(["feature-statistics/1", sae.config, source.contentHash, source.rows, topK]),
  );
  for (const name of Object.keys(sae.weights).sort()) {
    const values = await sae.weights[name].data<"float32">();
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return join(cache ?? cacheFolder("statistics"), `features-${hash.digest("hex").slice(0, 16)}.safetensors`);
}
