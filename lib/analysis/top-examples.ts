/** The rows on which each feature fires most strongly. */

/** The strongest rows of one feature, strongest first; as many as it fired on, at most K. */
export interface FeatureTop {
  /** Row numbers. */
  rows: Int32Array;
  /** Activations there, falling. */
  activations: Float32Array;
}

/**
 * Top K rows of each of F features, kept sorted while rows stream in. Of equal activations the smaller row number comes
 * first, so that neither the batches nor the order of merging matter. Only rows with f > 0 count.
 */
export class TopExamples {
  /** [F·K], each feature's part falling */
  private readonly activations: Float32Array;
  /** [F·K] */
  private readonly rows: Int32Array;
  /** Rows held by each feature [F] */
  private readonly held: Int32Array;
  /** What an activation must reach to enter [F] */
  private readonly thresholds: Float32Array;

  constructor(
    readonly dSae: number,
    readonly k: number,
  ) {
    if (!(Number.isInteger(k) && k > 0)) throw new Error(`TopExamples: expected a whole k > 0, got ${k}`);
    this.activations = new Float32Array(dSae * k);
    this.rows = new Int32Array(dSae * k);
    this.held = new Int32Array(dSae);
    this.thresholds = new Float32Array(dSae);
  }

  /** Adds feature activations f [n·F] of rows `firstRow`, `firstRow` + 1, … */
  add(f: Float32Array, firstRow: number): void {
    const { dSae } = this;
    if (f.length % dSae !== 0) {
      throw new Error(`TopExamples.add: expected rows of ${dSae}, got ${f.length} numbers`);
    }
    for (let at = 0, row = firstRow; at < f.length; at += dSae, row++) {
      for (let feature = 0; feature < dSae; feature++) {
        if (f[at + feature] > 0) this.offer(feature, f[at + feature], row);
      }
    }
  }

  /** Takes one activation `value` > 0 in if it is strong enough. */
  offer(feature: number, value: number, row: number): void {
    if (value >= this.thresholds[feature]) this.insert(feature, value, row);
  }

  /** All there is to it, to be kept in a file: activations and rows [F·K], rows held [F]. */
  state(): { k: number; activations: Float32Array; rows: Int32Array; held: Int32Array } {
    const { k, activations, rows, held } = this;
    return { k, activations: activations.slice(), rows: rows.slice(), held: held.slice() };
  }

  static fromState({ k, activations, rows, held }: ReturnType<TopExamples["state"]>): TopExamples {
    const top = new TopExamples(held.length, k);
    top.activations.set(activations);
    top.rows.set(rows);
    top.held.set(held);
    for (let feature = 0; feature < held.length; feature++) {
      if (held[feature] === k) top.thresholds[feature] = activations[feature * k + k - 1];
    }
    return top;
  }

  /** Takes in what another one holds; their rows must be different ones. */
  merge(other: TopExamples): void {
    for (let feature = 0; feature < this.dSae; feature++) {
      const { rows, activations } = other.feature(feature);
      for (let i = 0; i < rows.length; i++) this.insert(feature, activations[i], rows[i]);
    }
  }

  /** The strongest rows of one feature. */
  feature(feature: number): FeatureTop {
    if (!(Number.isInteger(feature) && feature >= 0 && feature < this.dSae)) {
      throw new Error(`TopExamples.feature: expected a feature from 0 to ${this.dSae - 1}, got ${feature}`);
    }
    const start = feature * this.k;
    const end = start + this.held[feature];
    return { rows: this.rows.slice(start, end), activations: this.activations.slice(start, end) };
  }

  /** Mean of each feature's top activations, over as many as there are [F]; NaN for a dead feature (Fry, 2024: K = 20). */
  meanActivation(): Float64Array {
    return Float64Array.from({ length: this.dSae }, (_, feature) => {
      const { activations } = this.feature(feature);
      return activations.reduce((sum, value) => sum + value, 0) / activations.length;
    });
  }

  private insert(feature: number, value: number, row: number): void {
    const { k, activations, rows, held, thresholds } = this;
    const start = feature * k;
    let count = held[feature];
    const comesBefore = (at: number) =>
      activations[at] > value || (activations[at] === value && rows[at] < row);
    if (count === k) {
      if (comesBefore(start + k - 1)) return;
      count--;
    }
    let place = start + count;
    while (place > start && !comesBefore(place - 1)) {
      activations[place] = activations[place - 1];
      rows[place] = rows[place - 1];
      place--;
    }
    activations[place] = value;
    rows[place] = row;
    held[feature] = count + 1;
    if (count + 1 === k) thresholds[feature] = activations[start + k - 1];
  }
}
