/** The post's architecture: a ReLU encoder and a linear decoder (Bricken et al., 2023; Fry, 2024). */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import { decodeLinear, type LinearConfig, linearShapes, preActivations } from "./linear";
import { relu } from "./matmul";
import {
  type CommonTrainingConfig,
  checkNotNegative,
  checkOneOf,
  checkWhole,
  postDefaults,
  type TrainingSize,
} from "./options";

/** f = relu((x - bDec) WEnc + bEnc), x̂ = f WDec + bDec. */
export interface StandardConfig extends LinearConfig {
  architecture: "standard";
}

/** Training: reconstruction, L1 penalty, ghost gradients. */
export interface StandardTrainingConfig extends CommonTrainingConfig {
  architecture: "standard";
  /**
   * Weight of mean_B Σ_F |f|, or of mean_B Σ_F |f| ‖WDec row‖ where decoderNorm is "free". Default 8e-5 · 1024 / D: the
   * post's 8e-5 at D = 1024. Both loss terms grow linearly with the scale of the inputs, so it does not depend on it,
   * but the norm-scaled reconstruction term has a factor 1/D that L1 has not.
   */
  l1Coefficient: number;
  /** Steps over which the L1 coefficient rises linearly from 0. Default 0 (the post). */
  l1WarmUpSteps: number;
  /** Ghost gradients on dead features. Default true (the post). */
  ghostGradients: boolean;
}

export function standardDefaults(size: TrainingSize): StandardTrainingConfig {
  return {
    ...postDefaults(size),
    architecture: "standard",
    l1Coefficient: (8e-5 * 1024) / size.dIn,
    l1WarmUpSteps: 0,
    ghostGradients: true,
  };
}

export function checkStandard(config: StandardTrainingConfig): void {
  checkNotNegative(config, "l1Coefficient");
  checkWhole(config, "l1WarmUpSteps", 0);
  checkOneOf(config, "ghostGradients", [true, false]);
}

/** SAELens's names of the weights, and their shapes. */
export const standardShapes = linearShapes;

/** f = relu((x - bDec) WEnc + bEnc). x [B, D] -> [B, F]. The caller owns the result. */
export function standardEncode(config: StandardConfig, weights: NamedTensors, x: Tensor): Tensor {
  return tf.tidy(() => relu(preActivations(config, weights, x)));
}

/** x̂ = f WDec + bDec. f [B, F] -> [B, D]. The caller owns the result. */
export const standardDecode = (_: StandardConfig, weights: NamedTensors, f: Tensor) =>
  decodeLinear(weights, f);
