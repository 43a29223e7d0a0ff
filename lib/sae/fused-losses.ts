/** The losses of the fused step: `reconstructionTerm`, `ghostTerm` and `auxKTerm` over plain arrays, a row at a time. */
import type { CommonTrainingConfig } from "./options";

/** x - bDec into `out` [B·D], or x itself. */
export function centredRows(
  x: Float32Array,
  bDec: Float32Array,
  applyBDecToInput: boolean,
  out: Float32Array,
): Float32Array {
  if (!applyBDecToInput) return x;
  const D = bDec.length;
  for (let i = 0; i < x.length; i += D) {
    for (let d = 0; d < D; d++) out[i + d] = x[i + d] - bDec[d];
  }
  return out;
}

/** `reconstructionTerm` at `residual` [B·D]: returns the loss, writes dXHat [B·D], adds its sum over B to `biasGradient` [D]. */
export function reconstruction(
  kind: CommonTrainingConfig["reconstructionLoss"],
  x: Float32Array,
  residual: Float32Array,
  dXHat: Float32Array,
  biasGradient: Float64Array,
): number {
  const D = biasGradient.length;
  const B = x.length / D;
  let loss = 0;
  for (let i = 0; i < x.length; i += D) {
    const weight = kind === "squared-error" ? 1 / B : 1 / (B * D * norm(x, i, D));
    let squares = 0;
    for (let d = 0; d < D; d++) {
      const r = residual[i + d];
      squares += r * r;
      const gradient = -2 * weight * r;
      dXHat[i + d] = gradient;
      biasGradient[d] += gradient;
    }
    loss += weight * squares;
  }
  return loss;
}

/**
 * `ghostTerm` at `raw` [B·D], what the dead features' exponentials decode to: returns the loss and overwrites `raw` with
 * its gradient. `elements` are r² / ‖x‖₂ or D r², those that the reconstruction term is the mean of.
 */
export function ghost(
  kind: CommonTrainingConfig["reconstructionLoss"],
  x: Float32Array,
  residual: Float32Array,
  raw: Float32Array,
  D: number,
): number {
  const B = x.length / D;
  let loss = 0;
  for (let i = 0; i < x.length; i += D) {
    const residualNorm = norm(residual, i, D);
    const scale = residualNorm / (1e-6 + 2 * norm(raw, i, D));
    const toElement = kind === "squared-error" ? D : 1 / norm(x, i, D);
    for (let d = 0; d < D; d++) {
      const r = residual[i + d];
      const difference = raw[i + d] * scale - r;
      const element = (difference * difference) / residualNorm;
      const ratio = (r * r * toElement) / (element + 1e-6);
      loss += element * ratio;
      raw[i + d] = (difference * ratio * scale * 2) / (residualNorm * B * D);
    }
  }
  return loss / (B * D);
}

/** `auxKTerm` at `reconstructed` [B·D]: returns weight · mean_B Σ_D (ê - r)² and overwrites it with its gradient. */
export function auxK(residual: Float32Array, reconstructed: Float32Array, D: number, weight: number): number {
  const B = residual.length / D;
  let squares = 0;
  for (let i = 0; i < residual.length; i++) {
    const rest = reconstructed[i] - residual[i];
    squares += rest * rest;
    reconstructed[i] = ((2 * weight) / B) * rest;
  }
  return (weight / B) * squares;
}

/** L0 and FVU of a batch with `count` activations. */
export function measureRows(
  x: Float32Array,
  residual: Float32Array,
  count: number,
  D: number,
): { l0: number; fvu: number } {
  const B = x.length / D;
  const mean = new Float64Array(D);
  for (let i = 0; i < x.length; i++) mean[i % D] += x[i] / B;
  let [squares, variance] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    squares += residual[i] ** 2;
    variance += (x[i] - mean[i % D]) ** 2;
  }
  return { l0: count / B, fvu: squares / variance };
}

function norm(rows: Float32Array, first: number, D: number): number {
  let squares = 0;
  for (let d = 0; d < D; d++) squares += rows[first + d] * rows[first + d];
  return Math.sqrt(squares);
}
