/** The constraint that every feature's decoder row has norm 1. */
import { type Tensor, tf } from "../tensor";

/**
 * The gradient without its component along each unit row: g - (g · w) w, so that the step does not work against the
 * constraint (Bricken et al., 2023). `gradient` and `decoder` [F, D]; the caller owns the result.
 */
export function withoutParallel(gradient: Tensor, decoder: Tensor): Tensor {
  return tf.tidy(() => gradient.sub(decoder.mul(gradient.mul(decoder).sum(1, true))));
}
