/** JumpReLU: a feature fires with its pre-activation where that exceeds the feature's threshold (Rajamanoharan et al., 2024b). */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import { decodeLinear, type LinearConfig, linearShapes, preActivations } from "./linear";
import { relu } from "./matmul";
import {
  type CommonTrainingConfig,
  check,
  checkNotNegative,
  checkOneOf,
  checkWhole,
  modernDefaults,
  type TrainingSize,
} from "./options";

/** pre = (x - bDec) WEnc + bEnc, f = relu(pre) where pre > threshold and else 0, x̂ = f WDec + bDec. */
export interface JumpreluConfig extends LinearConfig {
  architecture: "jumprelu";
}

/** Training: reconstruction, an L0 penalty through a straight-through estimator, a penalty that revives dead features. */
export interface JumpreluTrainingConfig extends CommonTrainingConfig {
  architecture: "jumprelu";
  /**
   * The penalty P of a row: "tanh" Σ tanh(tanhScale · f ‖WDec row‖) (Conerly et al., 2025; default), "step" the number of
   * firing features (Rajamanoharan et al., 2024b), "quadratic" 2/targetL0 · (number - targetL0)² (Gemma Scope 2).
   */
  sparsityPenalty: "tanh" | "step" | "quadratic";
  /** Weight of mean_B P. Default 1. */
  l0Coefficient: number;
  /** Steps over which the L0 coefficient rises linearly from 0. Default: a third of the steps. */
  l0WarmUpSteps: number;
  /** Default 4 (Conerly et al., 2025). */
  tanhScale: number;
  /** Features that should fire on a row, for "quadratic". Default 32. */
  targetL0: number;
  /** Threshold of every feature at the start. Default 0.01 (SAELens). */
  initThreshold: number;
  /** Width ε of the estimator's rectangle about the threshold. Default 0.05 (SAELens). */
  bandwidth: number;
  /** Whether the estimator's gradient also goes to the pre-activations (Anthropic) or to thresholds alone. Default true. */
  straightThroughToInput: boolean;
  /** Weight of mean_B Σ_dead relu(threshold - pre) ‖WDec row‖. Default 3e-6 (Conerly et al., 2025); 0 for none. */
  preActCoefficient: number;
}

export function jumpreluDefaults(size: TrainingSize): JumpreluTrainingConfig {
  return {
    ...modernDefaults(size),
    architecture: "jumprelu",
    sparsityPenalty: "tanh",
    l0Coefficient: 1,
    l0WarmUpSteps: Math.round(size.steps / 3),
    tanhScale: 4,
    targetL0: 32,
    initThreshold: 0.01,
    bandwidth: 0.05,
    straightThroughToInput: true,
    preActCoefficient: 3e-6,
  };
}

export function checkJumprelu(config: JumpreluTrainingConfig): void {
  checkOneOf(config, "sparsityPenalty", ["tanh", "step", "quadratic"]);
  for (const name of ["l0Coefficient", "initThreshold", "preActCoefficient"] as const) {
    checkNotNegative(config, name);
  }
  checkWhole(config, "l0WarmUpSteps", 0);
  for (const name of ["tanhScale", "bandwidth", "targetL0"] as const) {
    check(config[name] > 0, name, "a number > 0", config[name]);
  }
  checkOneOf(config, "straightThroughToInput", [true, false]);
}

export function jumpreluShapes(config: JumpreluConfig): Record<string, number[]> {
  return { ...linearShapes(config), threshold: [config.dSae] };
}

/** x [B, D] -> f [B, F]. The caller owns the result. */
export function jumpreluEncode(config: JumpreluConfig, weights: NamedTensors, x: Tensor): Tensor {
  return tf.tidy(() => {
    const pre = preActivations(config, weights, x);
    return relu(pre).mul(pre.greater(weights.threshold).toFloat());
  });
}

export const jumpreluDecode = (_: JumpreluConfig, weights: NamedTensors, f: Tensor) =>
  decodeLinear(weights, f);
