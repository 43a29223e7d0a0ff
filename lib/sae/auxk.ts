/** AuxK: dead features learn to predict what the living ones leave over (Gao et al., 2024, A.2). */
import { type Tensor, tf } from "../tensor";
import { matMul } from "./matmul";
import { rowTopKMask } from "./selection";

export interface AuxKInput {
  /** WDec [F, D] */
  decoder: Tensor;
  /** (x - bDec | 1) [B, D+1] */
  xAug: Tensor;
  /** Pre-activations of the whole SAE [B, F]. */
  pre: Tensor;
  /** What dead features are ranked by: `pre`, times the decoder's norms where those count [B, F]. */
  scores: Tensor;
  /** x - x̂, a constant here [B, D]. */
  residual: Tensor;
  /** Numbers of the dead features, int32 [N], N > 0. */
  rows: Tensor;
  /** Dead features that may fire on a row. */
  auxK: number;
  coefficient: number;
}

/** The term and its gradients for the dead rows alone; the caller owns them. */
export interface AuxKTerm {
  /** Scalar. */
  loss: Tensor;
  /** [N, D+1] */
  dEncoder: Tensor;
  /** [N, D] */
  dDecoder: Tensor;
}

/**
 * z = the auxK largest pre-activations of dead features on each row, ê = z WDec_N without bias,
 * loss = coefficient · min(N / auxK, 1) · mean_B Σ_D (ê - r)² (SAELens 6).
 */
export function auxKTerm(input: AuxKInput): AuxKTerm {
  const { decoder, xAug, pre, scores, residual, rows, auxK, coefficient } = input;
  const B = residual.shape[0];
  return tf.tidy(() => {
    const weight = coefficient * Math.min(rows.size / auxK, 1);
    const mask = rowTopKMask(tf.gather(scores, rows, 1), auxK); // [B, N]
    const z = tf.gather(pre, rows, 1).mul(mask);
    const directions = tf.gather(decoder, rows); // [N, D]
    const rest = matMul(z, directions).sub(residual); // ê - r [B, D]
    const dRest = rest.mul((2 * weight) / B);
    const dPre = matMul(dRest, directions, false, true).mul(mask); // [B, N]
    return {
      loss: rest
        .square()
        .sum()
        .mul(weight / B),
      dEncoder: matMul(dPre, xAug, true),
      dDecoder: matMul(z, dRest, true),
    };
  }) as unknown as AuxKTerm;
}
