/** What one pass over a data set tells of every feature: how often, how strongly, on which rows. Streams, merges, resumes. */
import { readSafetensors, type StoredTensor, writeSafetensors } from "../io";
import type { ActivationSource, FiringFeatures, Sae } from "../sae";
import { FeatureDensity } from "./density";
import { type FeaturePassOptions, featurePass } from "./feature-pass";
import { TopExamples } from "./top-examples";

/** Rows on which most features fire that are kept. */
const BUSIEST = 20;

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
    const { dSae, density, top } = this;
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
      this.countRow(active, firstRow + i);
    }
    density.addRows(rows);
  }

  /** Adds what fires on `count` rows from `firstRow` on, in parts of different features. */
  addFiring(parts: Iterable<FiringFeatures>, count: number, firstRow: number): void {
    const { density, top } = this;
    const active = new Int32Array(count);
    for (const { first, start, rows, values } of parts) {
      for (let i = 0; i + 1 < start.length; i++) {
        for (let at = start[i]; at < start[i + 1]; at++) {
          density.count(first + i, values[at]);
          top.offer(first + i, values[at], firstRow + rows[at]);
          active[rows[at]]++;
        }
      }
    }
    for (let i = 0; i < count; i++) this.countRow(active[i], firstRow + i);
    density.addRows(count);
  }

  private countRow(active: number, row: number): void {
    this.rowsByL0[active]++;
    if (active > 0) this.busiest.offer(0, active, row);
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
  static async load(path: string): Promise<{ accumulator: FeatureStatistics; next: number }> {
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
    const accumulator = new FeatureStatistics(
      density,
      topOf("top"),
      topOf("busiest"),
      get<Float64Array>("rows_by_l0"),
    );
    return { accumulator, next: Number(metadata.next) };
  }
}

export interface FeatureStatisticsOptions extends FeaturePassOptions {
  /** Strongest rows kept for each feature. Default 20 (Fry, 2024). */
  topK?: number;
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
  const { topK = 20 } = options;
  const pass = {
    where: "featureStatistics",
    prefix: "features",
    key: ["feature-statistics/2", topK] as const,
    empty: () => FeatureStatistics.empty(sae.config.dSae, topK),
    load: FeatureStatistics.load,
  };
  return await featurePass(sae, source, pass, options);
}
