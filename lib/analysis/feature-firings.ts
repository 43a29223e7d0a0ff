/** What a page shows of each feature beside its statistics, from a pass of its own: how its activations are spread, and what fires with it. */
import { readSafetensors, type StoredTensor, writeSafetensors } from "../io";
import type { ActivationSource, FiringFeatures, Sae } from "../sae";
import { ActivationSpread } from "./activation-spread";
import { CoFiring } from "./co-firing";
import { type FeaturePassOptions, featurePass } from "./feature-pass";

/** Firings of F features over the rows added so far; parts of disjoint rows can be merged in any order. */
export class FeatureFirings {
  private constructor(
    readonly spread: ActivationSpread,
    readonly coFiring: CoFiring,
  ) {}

  static empty(dSae: number): FeatureFirings {
    return new FeatureFirings(new ActivationSpread(dSae), new CoFiring(dSae));
  }

  get dSae(): number {
    return this.spread.dSae;
  }

  /** Adds feature activations f [n·F] of rows `firstRow`, `firstRow` + 1, … */
  add(f: Float32Array, firstRow: number): void {
    const { dSae, spread, coFiring } = this;
    if (f.length % dSae !== 0) {
      throw new Error(`FeatureFirings.add: expected rows of ${dSae}, got ${f.length} numbers`);
    }
    for (let at = 0, row = firstRow; at < f.length; at += dSae, row++) {
      const active: number[] = [];
      for (let feature = 0; feature < dSae; feature++) {
        const value = f[at + feature];
        if (value > 0) {
          spread.count(feature, value, row);
          active.push(feature);
        }
      }
      coFiring.add(row, active);
    }
  }

  /** Adds what fires on `count` rows from `firstRow` on, in parts of different features. */
  addFiring(parts: Iterable<FiringFeatures>, count: number, firstRow: number): void {
    const { spread, coFiring } = this;
    const active = Array.from({ length: count }, (): number[] => []);
    for (const { first, start, rows, values } of parts) {
      for (let i = 0; i + 1 < start.length; i++) {
        for (let at = start[i]; at < start[i + 1]; at++) {
          spread.count(first + i, values[at], firstRow + rows[at]);
          active[rows[at]].push(first + i);
        }
      }
    }
    for (const [i, features] of active.entries()) coFiring.add(firstRow + i, features);
  }

  /** Takes in what another one has seen; their rows must be different ones. */
  merge(other: FeatureFirings): void {
    this.spread.merge(other.spread);
    this.coFiring.merge(other.coFiring);
  }

  /** As a safetensors file. `next` is the first row that is not in it. */
  async save(path: string, next: number): Promise<void> {
    const F = this.dSae;
    const { k, counts, rows, activations, held } = this.spread.state();
    const { capacity, halvings, ...sparse } = this.coFiring.state();
    const tensors = new Map<string, StoredTensor>([
      ["counts", { dtype: "I32", data: counts, shape: [F, counts.length / F] }],
      ["sample.rows", { dtype: "I32", data: rows, shape: [F, k] }],
      ["sample.activations", { dtype: "F32", data: activations, shape: [F, k] }],
      ["sample.held", { dtype: "I32", data: held, shape: [F] }],
    ]);
    for (const [name, data] of Object.entries(sparse))
      tensors.set(`firing.${name}`, { dtype: "I32", data, shape: [data.length] });
    const numbers = { next, capacity, halvings };
    await writeSafetensors(
      path,
      tensors,
      Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)])),
    );
  }

  /** What `save` wrote. */
  static async load(path: string): Promise<{ accumulator: FeatureFirings; next: number }> {
    const { tensors, metadata } = await readSafetensors(path);
    const get = <T>(name: string) => {
      const found = tensors.get(name);
      if (!found)
        throw new Error(`${path}: expected feature firings with "${name}", got none (do: delete it)`);
      return found.data as T;
    };
    const held = get<Int32Array>("sample.held");
    const spread = ActivationSpread.fromState({
      k: tensors.get("sample.rows")?.shape[1] ?? 0,
      counts: get<Int32Array>("counts"),
      rows: get<Int32Array>("sample.rows"),
      activations: get<Float32Array>("sample.activations"),
      held,
    });
    const coFiring = CoFiring.fromState(held.length, {
      capacity: Number(metadata.capacity),
      halvings: Number(metadata.halvings),
      rows: get<Int32Array>("firing.rows"),
      starts: get<Int32Array>("firing.starts"),
      features: get<Int32Array>("firing.features"),
    });
    return { accumulator: new FeatureFirings(spread, coFiring), next: Number(metadata.next) };
  }
}

/** The firings of `sae` over all rows of `source`, in order; kept and resumed as `featureStatistics` are. */
export async function featureFirings(
  sae: Sae,
  source: ActivationSource,
  options: FeaturePassOptions = {},
): Promise<FeatureFirings> {
  const pass = {
    where: "featureFirings",
    prefix: "firings",
    key: ["feature-firings/1"] as const,
    empty: () => FeatureFirings.empty(sae.config.dSae),
    load: FeatureFirings.load,
  };
  return await featurePass(sae, source, pass, options);
}
