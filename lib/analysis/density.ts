/** How often features fire. One window: all the rows that were added. */

/** Added to a share before its logarithm, so that a dead feature has -10 (SAELens). */
const LOG_FLOOR = 1e-10;

export interface DensityResult {
  /** Rows measured, N. */
  rows: number;
  /** Mean number of features that fire on a row, Σ_F featureDensity. */
  l0: number;
  /** Mean over rows of Σ_F f, in units of the activations. */
  l1: number;
  /** Share of rows on which each feature fires (f > 0) [F]. The post calls it sparsity (Fry, 2024). */
  featureDensity: Float64Array;
  /** log10(featureDensity + 1e-10) [F]; a dead feature has -10, as in SAELens's sparsity.safetensors. */
  log10Density: Float64Array;
  /** Mean of f over the rows on which the feature fires [F]; 0 for a dead one. */
  meanActivation: Float64Array;
  /** Features that fired on no row. */
  deadFeatures: number;
  /** Features that fire on more than a tenth of the rows. */
  denseFeatures: number;
  /** Features that fire, but on no more than one row in 10,000: where the post's ultra-low-density cluster is (Fry, 2024). */
  ultraLowDensityFeatures: number;
}

/** Counts for `DensityResult`; the rows may come in any batches and parts be merged. */
export class FeatureDensity {
  private rows = 0;
  private readonly fired: Float64Array;
  private readonly sums: Float64Array;

  /** For F `dSae` features. */
  constructor(readonly dSae: number) {
    this.fired = new Float64Array(dSae);
    this.sums = new Float64Array(dSae);
  }

  /** Adds feature activations f [n·F]. */
  add(f: Float32Array): void {
    const { dSae } = this;
    if (f.length % dSae !== 0) {
      throw new Error(`FeatureDensity.add: expected rows of ${dSae}, got ${f.length} numbers`);
    }
    for (let at = 0; at < f.length; at += dSae) {
      for (let feature = 0; feature < dSae; feature++) {
        if (f[at + feature] > 0) this.count(feature, f[at + feature]);
      }
    }
    this.addRows(f.length / dSae);
  }

  /** Counts one activation `value` > 0 of one of the rows that `addRows` tells of. */
  count(feature: number, value: number): void {
    this.fired[feature]++;
    this.sums[feature] += value;
  }

  /** Says that `rows` more rows were looked at. */
  addRows(rows: number): void {
    this.rows += rows;
  }

  /** Takes in what another one has seen. */
  merge(other: FeatureDensity): void {
    for (let feature = 0; feature < this.dSae; feature++) {
      this.fired[feature] += other.fired[feature];
      this.sums[feature] += other.sums[feature];
    }
    this.rows += other.rows;
  }

  /** All there is to it, to be kept in a file. */
  state(): { rows: number; fired: Float64Array; sums: Float64Array } {
    return { rows: this.rows, fired: this.fired.slice(), sums: this.sums.slice() };
  }

  static fromState({ rows, fired, sums }: ReturnType<FeatureDensity["state"]>): FeatureDensity {
    const density = new FeatureDensity(fired.length);
    density.rows = rows;
    density.fired.set(fired);
    density.sums.set(sums);
    return density;
  }

  /** The measurements of all rows so far. Without rows they are NaN. */
  result(): DensityResult {
    const { rows, fired, sums } = this;
    const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
    const featureDensity = fired.map((times) => times / rows);
    const count = (is: (share: number) => boolean) =>
      featureDensity.reduce((sum, share) => sum + (is(share) ? 1 : 0), 0);
    return {
      rows,
      l0: total(fired) / rows,
      l1: total(sums) / rows,
      featureDensity,
      log10Density: featureDensity.map((share) => Math.log10(share + LOG_FLOOR)),
      meanActivation: sums.map((sum, feature) => (fired[feature] > 0 ? sum / fired[feature] : 0)),
      deadFeatures: count((share) => share === 0),
      denseFeatures: count((share) => share > 0.1),
      ultraLowDensityFeatures: count((share) => share > 0 && share <= 1e-4),
    };
  }
}
