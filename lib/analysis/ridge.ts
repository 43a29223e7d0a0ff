/** Ridge regression: the linear map that best predicts rows from rows. */
import { rawOp, type Tensor, tf } from "../tensor";

export interface Ridge {
  /** [D, P] */
  weights: Tensor;
  /** Mean of the inputs [D] and of the outputs [P]: ŷ = (x - inputMean) weights + outputMean. */
  inputMean: Tensor;
  outputMean: Tensor;
}

/**
 * Minimises Σ‖y - ŷ‖² + λ N ‖weights‖² with λ = `strength` times the inputs' mean variance, by Cholesky. x [N, D], y [N, P], N > 1. The caller disposes
 * the tensors of the result.
 */
export function ridge(x: Tensor, y: Tensor, strength = 1e-3): Ridge {
  const [rows, width] = x.shape as [number, number];
  if (rows < 2 || rows !== y.shape[0]) {
    throw new Error(`ridge: expected two rows or more, as many of x as of y, got ${rows} and ${y.shape[0]}`);
  }
  const [weights, inputMean, outputMean] = tf.tidy(() => {
    const xMean = x.mean(0);
    const yMean = y.mean(0);
    const centred = x.sub(xMean) as Tensor & { rank: 2 };
    const covariance = tf.matMul(centred, centred, true, false).div(rows); // [D, D]
    const crossed = tf.matMul(centred, y.sub(yMean) as Tensor & { rank: 2 }, true, false).div(rows); // [D, P]
    const identity = tf.eye(width);
    const lambda = covariance
      .mul(identity)
      .sum()
      .mul(strength / width);
    const factor = rawOp("Cholesky", [covariance.add(identity.mul(lambda))], { T: { dtype: "float32" } });
    const solve = (right: Tensor, adjoint: boolean) =>
      rawOp("MatrixTriangularSolve", [factor, right], { lower: true, adjoint, T: { dtype: "float32" } });
    return [solve(solve(crossed, false), true), xMean, yMean];
  }) as unknown as [Tensor, Tensor, Tensor];
  return { weights, inputMean, outputMean };
}
