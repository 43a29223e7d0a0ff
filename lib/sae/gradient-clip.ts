/** Gradient clipping by the global norm over all parameters. */
import { type NamedTensors, tf } from "../tensor";

/** √Σ g² over every element of every gradient. */
export function globalNorm(gradients: NamedTensors): number {
  return tf.tidy(() =>
    tf
      .addN(Object.values(gradients).map((gradient) => gradient.square().sum()))
      .sqrt()
      .dataSync(),
  )[0];
}

/** What gradients of norm `norm` are multiplied by, where that is below 1. */
export function clipFactor(norm: number, most: number): number {
  return most / (norm + 1e-6);
}

/**
 * All gradients times most / (norm + 1e-6) where that is below 1, as PyTorch's `clip_grad_norm_` does; nothing where they
 * are short enough. The caller owns the result.
 */
export function shortened(gradients: NamedTensors, norm: number, most: number): NamedTensors {
  const factor = clipFactor(norm, most);
  if (factor >= 1) return {};
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, gradient.mul(factor)]),
  );
}
