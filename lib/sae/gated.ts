/** Gated: one path decides whether a feature fires, another how strongly; they share WEnc (Rajamanoharan et al., 2024a). */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import { centred, decodeLinear, type LinearConfig } from "./linear";
import { matMul, relu } from "./matmul";
import {
  type CommonTrainingConfig,
  checkNotNegative,
  checkOneOf,
  checkWhole,
  modernDefaults,
  type TrainingSize,
} from "./options";

/** u = (x - bDec) WEnc, f = relu(u exp(rMag) + bMag) where u + bGate > 0 and else 0, x̂ = f WDec + bDec. */
export interface GatedConfig extends LinearConfig {
  architecture: "gated";
}

/** Training: reconstruction, L1 on π = relu(u + bGate), and the reconstruction from π alone as auxiliary term. */
export interface GatedTrainingConfig extends CommonTrainingConfig {
  architecture: "gated";
  /** Weight of mean_B Σ_F π ‖WDec row‖. Default 1. */
  l1Coefficient: number;
  /** Steps over which the L1 coefficient rises linearly from 0. Default: a tenth of the steps. */
  l1WarmUpSteps: number;
  /** Whether the auxiliary term trains the decoder too (SAELens) or sees a frozen copy (the paper; default). */
  auxDecoder: "frozen" | "shared";
}

export function gatedDefaults(size: TrainingSize): GatedTrainingConfig {
  return {
    ...modernDefaults(size),
    architecture: "gated",
    l1Coefficient: 1,
    l1WarmUpSteps: Math.round(0.1 * size.steps),
    auxDecoder: "frozen",
  };
}

export function checkGated(config: GatedTrainingConfig): void {
  checkNotNegative(config, "l1Coefficient");
  checkWhole(config, "l1WarmUpSteps", 0);
  checkOneOf(config, "auxDecoder", ["frozen", "shared"]);
}

export function gatedShapes({ dIn, dSae }: GatedConfig): Record<string, number[]> {
  return { WEnc: [dIn, dSae], WDec: [dSae, dIn], bDec: [dIn], bGate: [dSae], bMag: [dSae], rMag: [dSae] };
}

/** x [B, D] -> f [B, F]. The caller owns the result. */
export function gatedEncode(config: GatedConfig, weights: NamedTensors, x: Tensor): Tensor {
  const { WEnc, bDec, bGate, bMag, rMag } = weights;
  return tf.tidy(() => {
    const u = matMul(centred(config, bDec, x), WEnc);
    return relu(u.mul(rMag.exp()).add(bMag)).mul(u.add(bGate).greater(0).toFloat());
  });
}

export const gatedDecode = (_: GatedConfig, weights: NamedTensors, f: Tensor) => decodeLinear(weights, f);
