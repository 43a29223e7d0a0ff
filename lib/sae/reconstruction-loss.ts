/** The reconstruction terms and their gradients. */
import { type Tensor, tf } from "../tensor";
import type { CommonTrainingConfig } from "./options";

export interface ReconstructionTerm {
  /** Scalar. */
  loss: Tensor;
  /** The loss's gradient with respect to x̂ [B, D]. */
  dXHat: Tensor;
}

/**
 * "norm-scaled": mean_{B,D} r² / ‖x‖₂ (Fry, 2024); "squared-error": mean_B Σ_D r² (SAELens); r = x - x̂.
 * x and residual [B, D]. The caller owns the result.
 */
export function reconstructionTerm(
  x: Tensor,
  residual: Tensor,
  kind: CommonTrainingConfig["reconstructionLoss"],
): ReconstructionTerm {
  const [B, D] = x.shape;
  return tf.tidy(() => {
    if (kind === "squared-error") {
      return { loss: residual.square().sum().div(B), dXHat: residual.mul(-2 / B) };
    }
    const norms = x.norm(2, 1, true); // [B, 1]
    const loss = residual.square().div(norms).mean();
    return { loss, dXHat: residual.mul(tf.div(-2 / (B * D), norms)) };
  }) as unknown as ReconstructionTerm;
}
