/** How each feature's activations are spread: a histogram, and a fair sample of the rows on which it fires. */
import type { FeatureTop } from "./top-examples";

/** Bins of activations, equally wide in log2: quarter octaves from 2⁻⁸ to 2⁸ units; what is beyond counts in the outermost. */
export const ACTIVATION_BINS = { log2Low: -8, perOctave: 4, count: 64 } as const;

/** Rows of each feature's sample: five parts of eight. */
const SAMPLE = 40;

/** The bin of an activation > 0. */
export function activationBin(value: number): number {
  const { log2Low, perOctave, count } = ACTIVATION_BINS;
  return Math.min(count - 1, Math.max(0, Math.floor((Math.log2(value) - log2Low) * perOctave)));
}

/**
 * Of F features: the number of activations in each bin, and a sample of firings without regard to their strength: those whose hash of feature and row is smallest. Which
 * they are depends on the rows alone, not on batches or on the order of merging.
 */
export class ActivationSpread {
  /** [F·64] */
  private readonly counts: Int32Array;
  /** [F·K], each feature's part by rising hash */
  private readonly rows: Int32Array;
  private readonly activations: Float32Array;
  private readonly hashes: Uint32Array;
  /** Rows held by each feature [F] */
  private readonly held: Int32Array;

  constructor(
    readonly dSae: number,
    readonly k = SAMPLE,
  ) {
    this.counts = new Int32Array(dSae * ACTIVATION_BINS.count);
    this.rows = new Int32Array(dSae * k);
    this.activations = new Float32Array(dSae * k);
    this.hashes = new Uint32Array(dSae * k);
    this.held = new Int32Array(dSae);
  }

  /** Takes in one activation `value` > 0. */
  count(feature: number, value: number, row: number): void {
    this.counts[feature * ACTIVATION_BINS.count + activationBin(value)]++;
    this.offer(feature, value, row);
  }

  /** Takes in what another one has seen; their rows must be different ones. */
  merge(other: ActivationSpread): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i] += other.counts[i];
    for (let feature = 0; feature < this.dSae; feature++) {
      const from = feature * this.k;
      for (let at = from; at < from + other.held[feature]; at++) {
        this.offer(feature, other.activations[at], other.rows[at]);
      }
    }
  }

  /** Activations of a feature in each bin [64]. */
  histogram(feature: number): Int32Array {
    const { count } = ACTIVATION_BINS;
    return this.counts.slice(feature * count, (feature + 1) * count);
  }

  /** The sample of a feature, strongest first; all of its rows where it fires on no more than K. */
  sample(feature: number): FeatureTop {
    const from = feature * this.k;
    const places = Array.from({ length: this.held[feature] }, (_, i) => from + i);
    places.sort((a, b) => this.activations[b] - this.activations[a] || this.rows[a] - this.rows[b]);
    return {
      rows: Int32Array.from(places, (at) => this.rows[at]),
      activations: Float32Array.from(places, (at) => this.activations[at]),
    };
  }

  /**
   * `each` rows out of each of `parts` equal shares of the sample, strongest share first: [parts·each] rows and activations, -1 and 0 where the sample has no more.
   */
  quantiles(feature: number, parts: number, each: number): FeatureTop {
    const { rows, activations } = this.sample(feature);
    const out = {
      rows: new Int32Array(parts * each).fill(-1),
      activations: new Float32Array(parts * each),
    };
    for (let part = 0; part < parts; part++) {
      const first = Math.floor((part * rows.length) / parts);
      const size = Math.floor(((part + 1) * rows.length) / parts) - first;
      const taken = Math.min(each, size);
      for (let i = 0; i < taken; i++) {
        const at = first + Math.floor((i * size) / taken);
        out.rows[part * each + i] = rows[at];
        out.activations[part * each + i] = activations[at];
      }
    }
    return out;
  }

  /** All there is to it, to be kept in a file; hashes follow from features and rows. */
  state(): { k: number; counts: Int32Array; rows: Int32Array; activations: Float32Array; held: Int32Array } {
    const { k, counts, rows, activations, held } = this;
    return {
      k,
      counts: counts.slice(),
      rows: rows.slice(),
      activations: activations.slice(),
      held: held.slice(),
    };
  }

  static fromState({
    k,
    counts,
    rows,
    activations,
    held,
  }: ReturnType<ActivationSpread["state"]>): ActivationSpread {
    const spread = new ActivationSpread(held.length, k);
    spread.counts.set(counts);
    spread.rows.set(rows);
    spread.activations.set(activations);
    spread.held.set(held);
    for (let feature = 0; feature < held.length; feature++) {
      for (let at = feature * k; at < feature * k + held[feature]; at++)
        spread.hashes[at] = mix(feature, rows[at]);
    }
    return spread;
  }

  private offer(feature: number, value: number, row: number): void {
    const hash = mix(feature, row);
    const from = feature * this.k;
    let at = from + this.held[feature];
    const isBefore = (place: number) =>
      hash < this.hashes[place] || (hash === this.hashes[place] && row < this.rows[place]);
    if (this.held[feature] === this.k) {
      at--;
      if (!isBefore(at)) return;
    } else this.held[feature]++;
    for (; at > from && isBefore(at - 1); at--) {
      this.hashes[at] = this.hashes[at - 1];
      this.rows[at] = this.rows[at - 1];
      this.activations[at] = this.activations[at - 1];
    }
    this.hashes[at] = hash;
    this.rows[at] = row;
    this.activations[at] = value;
  }
}

/** 32 bits that look random, of two whole numbers (the finaliser of MurmurHash3). */
export function mix(a: number, b: number): number {
  let x = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
