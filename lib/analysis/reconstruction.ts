/** How much of the activations a reconstruction keeps. */

export interface ReconstructionResult {
  /** Rows measured, N. */
  rows: number;
  /** mean_{N,D} (x̂ - x)², in squared units of the activations. */
  mse: number;
  /** mean_{N,D} (x̂ - x)² / ‖x‖₂ of the row: the post's loss term (Fry, 2024), in units of the activations. */
  mseFry: number;
  /** Fraction of variance unexplained, Σ‖x - x̂‖² / Σ‖x - x̄‖², x̄ the mean row: 0 best, 1 as bad as the mean. */
  fvu: number;
  /** 1 - fvu. */
  explainedVariance: number;
  /** 1 - Σ‖x - x̂‖² / Σ‖x‖²: the post's explained variance (Fry, 2024). It flatters when the rows share a mean. */
  explainedVarianceFry: number;
  /** Mean over rows of the cosine of x and x̂; a row whose x or x̂ is 0 counts 0. */
  cosine: number;
  /** mean ‖x̂‖₂ / mean ‖x‖₂: below 1 when the reconstruction shrinks. */
  relativeNorm: number;
  /**
   * Σ‖x̂‖² / Σ x̂·x, the factor by which x̂ should be divided to be nearest to x: below 1 when activations shrink (γ of Rajamanoharan
   * et al., 2024). About zero, as there; where the rows' common mean is large it is near 1 whatever the features do.
   */
  relativeReconstructionBias: number;
}

/** Sums for `ReconstructionResult`, in float64; the rows may come in any batches and parts be merged. */
export class Reconstruction {
  private rows = 0;
  private readonly mean: Float64Array;
  /** Σ‖x - x̄‖², kept by Chan's update so that a large mean costs no digits. */
  private variance = 0;
  private squares = 0;
  private errors = 0;
  private errorsByNorm = 0;
  private cosines = 0;
  private norms = 0;
  private normsHat = 0;
  private squaresHat = 0;
  private products = 0;

  /** For rows of `width` D. */
  constructor(readonly width: number) {
    this.mean = new Float64Array(width);
  }

  /** Adds rows `x` and their reconstructions, both [n·D]. */
  add(x: Float32Array, xHat: Float32Array): void {
    const D = this.width;
    if (x.length !== xHat.length || x.length % D !== 0) {
      throw new Error(
        `Reconstruction.add: expected two arrays of rows of ${D}, got ${x.length} and ${xHat.length}`,
      );
    }
    const part = new Reconstruction(D);
    part.rows = x.length / D;
    if (part.rows === 0) return;
    for (let at = 0; at < x.length; at += D) {
      let error = 0;
      let square = 0;
      let squareHat = 0;
      let dot = 0;
      for (let d = 0; d < D; d++) {
        const a = x[at + d];
        const b = xHat[at + d];
        error += (b - a) * (b - a);
        square += a * a;
        squareHat += b * b;
        dot += a * b;
        part.mean[d] += a;
      }
      const norm = Math.sqrt(square);
      const normHat = Math.sqrt(squareHat);
      part.errors += error;
      part.errorsByNorm += error / norm;
      part.squares += square;
      part.cosines += dot === 0 ? 0 : dot / (norm * normHat);
      part.norms += norm;
      part.normsHat += normHat;
      part.squaresHat += squareHat;
      part.products += dot;
    }
    for (let d = 0; d < D; d++) part.mean[d] /= part.rows;
    for (let at = 0; at < x.length; at += D) {
      for (let d = 0; d < D; d++) part.variance += (x[at + d] - part.mean[d]) ** 2;
    }
    this.merge(part);
  }

  /** Takes in what another one has seen. */
  merge(other: Reconstruction): void {
    const total = this.rows + other.rows;
    if (other.rows === 0) return;
    let between = 0;
    for (let d = 0; d < this.width; d++) {
      const difference = other.mean[d] - this.mean[d];
      between += difference * difference;
      this.mean[d] += (difference * other.rows) / total;
    }
    this.variance += other.variance + (between * this.rows * other.rows) / total;
    this.rows = total;
    this.squares += other.squares;
    this.errors += other.errors;
    this.errorsByNorm += other.errorsByNorm;
    this.cosines += other.cosines;
    this.norms += other.norms;
    this.normsHat += other.normsHat;
    this.squaresHat += other.squaresHat;
    this.products += other.products;
  }

  /** The measurements of all rows so far. Without rows they are NaN. */
  result(): ReconstructionResult {
    const numbers = this.rows * this.width;
    const fvu = this.errors / this.variance;
    return {
      rows: this.rows,
      mse: this.errors / numbers,
      mseFry: this.errorsByNorm / numbers,
      fvu,
      explainedVariance: 1 - fvu,
      explainedVarianceFry: 1 - this.errors / this.squares,
      cosine: this.cosines / this.rows,
      relativeNorm: this.normsHat / this.norms,
      relativeReconstructionBias: this.squaresHat / this.products,
    };
  }
}
