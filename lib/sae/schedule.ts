/** The learning rate and the sparsity coefficients at each step. */
import type { SaeTrainingConfig } from "./config";

/** Which part of a config the rate depends on. */
export type ScheduleConfig = Pick<
  SaeTrainingConfig,
  "learningRate" | "warmUpSteps" | "schedule" | "decayFraction" | "steps"
>;

/**
 * Learning rate of step `step`, counted from 0: (step + 1) / warmUpSteps of the full rate while warming up, then
 * constant, or falling to 0 over the last `decayFraction` of the steps ("linear", or half a "cosine").
 */
export function learningRateAt(
  step: number,
  { learningRate, warmUpSteps, schedule, decayFraction, steps }: ScheduleConfig,
): number {
  const warm = warmUpSteps > 0 ? Math.min(1, (step + 1) / warmUpSteps) : 1;
  if (schedule === "constant") return learningRate * warm;
  const left = Math.min(1, Math.max(0, (steps - step) / Math.max(1, decayFraction * steps)));
  return learningRate * warm * (schedule === "linear" ? left : (1 - Math.cos(Math.PI * left)) / 2);
}

/** What the L1 or L0 coefficient is multiplied by at step `step`, counted from 0: step / warm-up steps, at most 1. */
export function sparsityWeightAt(step: number, config: SaeTrainingConfig): number {
  const warmUp =
    "l1WarmUpSteps" in config ? config.l1WarmUpSteps : "l0WarmUpSteps" in config ? config.l0WarmUpSteps : 0;
  return warmUp > 0 ? Math.min(1, step / warmUp) : 1;
}
