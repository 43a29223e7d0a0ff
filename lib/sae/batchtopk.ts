/** BatchTopK: of a whole batch the k·B largest activations stay; used as a JumpReLU (Bussmann et al., 2024). */

import type { TrainingSize } from "./options";
import { check, checkOneOf } from "./options";
import { checkTopkFamily, type TopkFamilyConfig, topkFamilyDefaults } from "./topk";

export interface BatchTopkFamilyConfig extends TopkFamilyConfig {
  /**
   * Rate of the moving average of each batch's smallest positive activation, which becomes the threshold of the finished
   * JumpReLU. Default 0.01 (SAELens).
   */
  thresholdLearningRate: number;
  /**
   * Takes out of the average what is left of its start at 0, as Adam does with its moments: without that the threshold of a
   * short run is too low, after 100 steps by 37%. Default true; SAELens does without.
   */
  thresholdBiasCorrection: boolean;
}

export interface BatchTopkTrainingConfig extends BatchTopkFamilyConfig {
  architecture: "batchtopk";
}

/** Nested dictionaries: the first `widths[i]` features must reconstruct on their own too (Bussmann et al., 2025). */
export interface MatryoshkaTrainingConfig extends BatchTopkFamilyConfig {
  architecture: "matryoshka_batchtopk";
  /** Rising numbers of features, the last one dSae. Default F/16, F/8, F/4, F/2, F. */
  widths: readonly number[];
  /** AuxK of each level on its own residual rather than on the whole SAE's. Default false (SAELens). */
  auxPerLevel: boolean;
}

export function batchTopkDefaults(size: TrainingSize): BatchTopkTrainingConfig {
  return {
    ...topkFamilyDefaults(size),
    architecture: "batchtopk",
    thresholdLearningRate: 0.01,
    thresholdBiasCorrection: true,
  };
}

export function matryoshkaDefaults(size: TrainingSize): MatryoshkaTrainingConfig {
  const widths = [16, 8, 4, 2, 1].map((part) => Math.ceil(size.dSae / part));
  return {
    ...batchTopkDefaults(size),
    architecture: "matryoshka_batchtopk",
    widths: [...new Set(widths)],
    auxPerLevel: false,
  };
}

export function checkBatchTopk(config: BatchTopkFamilyConfig): void {
  checkTopkFamily(config);
  const { thresholdLearningRate: rate } = config;
  check(rate > 0 && rate <= 1, "thresholdLearningRate", "in (0, 1]", rate);
  checkOneOf(config, "thresholdBiasCorrection", [true, false]);
}

export function checkMatryoshka(config: MatryoshkaTrainingConfig): void {
  checkBatchTopk(config);
  const { widths, dSae } = config;
  const rising = widths.every((width, i) => Number.isInteger(width) && width > (widths[i - 1] ?? 0));
  check(
    rising && widths[widths.length - 1] === dSae,
    "widths",
    `rising whole numbers that end with dSae ${dSae}`,
    widths,
  );
}

/**
 * What the smallest activation of step `step` (the first is 1) counts for in its moving average. With bias correction the
 * average after n steps is Σ r (1-r)^(n-i) m_i / (1 - (1-r)^n): one of the batches so far, the latest the most.
 */
export function thresholdRate(
  step: number,
  {
    thresholdLearningRate: rate,
    thresholdBiasCorrection,
  }: Pick<BatchTopkFamilyConfig, "thresholdLearningRate" | "thresholdBiasCorrection">,
): number {
  return thresholdBiasCorrection ? rate / (1 - (1 - rate) ** step) : rate;
}
