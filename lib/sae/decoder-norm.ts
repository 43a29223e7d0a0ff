/** The constraint that every feature's decoder row has norm 1, and what takes its place without it. */
import { type NamedTensors, type Tensor, tf, unitRows } from "../tensor";
import type { CommonTrainingConfig } from "./options";

/**
 * The gradient without its component along each unit row: g - (g · w) w, so that the step does not work against the
 * constraint (Bricken et al., 2023). `gradient` and `decoder` [F, D]; the caller owns the result.
 */
export function withoutParallel(gradient: Tensor, decoder: Tensor): Tensor {
  return tf.tidy(() => gradient.sub(decoder.mul(gradient.mul(decoder).sum(1, true))));
}

/** `adjust` of a training form whose only constraint is the decoder's. */
export function adjustDecoder(
  gradients: NamedTensors,
  parameters: NamedTensors,
  { decoderNorm }: CommonTrainingConfig,
): NamedTensors {
  return decoderNorm === "unit" ? { decoder: withoutParallel(gradients.decoder, parameters.decoder) } : {};
}

/** `constrain` of a training form whose only constraint is the decoder's. */
export function constrainDecoder(
  { decoder }: NamedTensors,
  { decoderNorm }: CommonTrainingConfig,
): NamedTensors {
  return decoderNorm === "unit" ? { decoder: unitRows(decoder) } : {};
}

/** Norms of the decoder's rows [F], or ones where they are constrained to 1. The caller owns the result. */
export function penaltyNorms(decoder: Tensor, { decoderNorm }: CommonTrainingConfig): Tensor {
  return decoderNorm === "free" ? decoder.norm(2, 1) : tf.ones([decoder.shape[0]]);
}

/**
 * The decoder's part of a penalty's gradient where the penalty is weighted by the rows' norms n: dNorm_j w_j / n_j.
 * `dNorm` [F], `decoder` [F, D] -> [F, D]. The caller owns the result.
 */
export function throughNorms(dNorm: Tensor, decoder: Tensor): Tensor {
  return tf.tidy(() => decoder.mul(dNorm.div(decoder.norm(2, 1)).reshape([-1, 1])));
}
