/** TopK: of each row only the k largest pre-activations stay (Makhzani and Frey, 2013; Gao et al., 2024). */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import { decodeLinear, type LinearConfig, linearShapes, preActivations } from "./linear";
import {
  type CommonTrainingConfig,
  check,
  checkNotNegative,
  checkOneOf,
  checkWhole,
  modernDefaults,
  type TrainingSize,
} from "./options";
import { rowTopK } from "./selection";

/** f = TopK_k(relu((x - bDec) WEnc + bEnc)), x̂ = f WDec + bDec. */
export interface TopkConfig extends LinearConfig {
  architecture: "topk";
  /** Features that may fire on a row. */
  k: number;
  /** f is multiplied by the norms of WDec's rows before the selection, and divided by them before decoding. */
  rescaleActsByDecoderNorm: boolean;
}

/** What TopK, BatchTopK and Matryoshka share in training: reconstruction and AuxK. */
export interface TopkFamilyConfig extends CommonTrainingConfig {
  /** Features that fire on a row; with BatchTopK on the mean row, and then any number. Default 32. */
  k: number;
  /** Weight of the AuxK loss, in units of the reconstruction's. Default 1/32 (Gao et al., 2024); SAELens 1; 0 for none. */
  auxCoefficient: number;
  /** Dead features that AuxK lets fire on a row. Default D/2 (Gao et al., 2024). */
  auxK: number;
  /** Selects by pre-activation times decoder norm, which matters where decoderNorm is "free". Default true (SAELens). */
  rescaleActsByDecoderNorm: boolean;
}

export interface TopkTrainingConfig extends TopkFamilyConfig {
  architecture: "topk";
}

export function topkFamilyDefaults(size: TrainingSize): TopkFamilyConfig {
  return {
    ...modernDefaults(size),
    k: Math.min(32, size.dSae),
    auxCoefficient: 1 / 32,
    auxK: Math.max(1, Math.floor(size.dIn / 2)),
    rescaleActsByDecoderNorm: true,
  };
}

export function topkDefaults(size: TrainingSize): TopkTrainingConfig {
  return { ...topkFamilyDefaults(size), architecture: "topk" };
}

export function checkTopkFamily(config: TopkFamilyConfig): void {
  check(config.k > 0 && config.k <= config.dSae, "k", `above 0 and at most dSae ${config.dSae}`, config.k);
  checkNotNegative(config, "auxCoefficient");
  checkWhole(config, "auxK", 1);
  checkOneOf(config, "rescaleActsByDecoderNorm", [true, false]);
}

export function checkTopk(config: TopkTrainingConfig): void {
  checkTopkFamily(config);
  checkWhole(config, "k", 1);
}

export const topkShapes = linearShapes;

/** x [B, D] -> f [B, F] with at most k positive entries a row. The caller owns the result. */
export function topkEncode(config: TopkConfig, weights: NamedTensors, x: Tensor): Tensor {
  return tf.tidy(() => {
    const pre = preActivations(config, weights, x);
    return rowTopK(config.rescaleActsByDecoderNorm ? pre.mul(weights.WDec.norm(2, 1)) : pre, config.k);
  });
}

/** f [B, F] -> [B, D]. The caller owns the result. */
export function topkDecode(config: TopkConfig, weights: NamedTensors, f: Tensor): Tensor {
  return tf.tidy(() =>
    decodeLinear(weights, config.rescaleActsByDecoderNorm ? f.div(weights.WDec.norm(2, 1)) : f),
  );
}
