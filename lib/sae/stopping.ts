/** When a run ends before its last step: because it gets no better, or because it has failed. */
import type { TrainingMetrics } from "./metrics";

/** Part of a run's identity where its result depends on it. */
export interface Stopping {
  /** Steps between evaluations; 0 for none but at the end. */
  evaluateEvery: number;
  /** The held-out number by which states are compared; the least is best. */
  metric: string;
  /** Evaluations without a new best after which the run ends; 0 for never. */
  patience: number;
  /** Whether the finished SAE is the best state's rather than the last one's. */
  restoreBest: boolean;
}

/** Whether evaluations decide when the run ends or which state is kept. */
export function decides({ patience, restoreBest }: Stopping): boolean {
  return patience > 0 || restoreBest;
}

/** The step of the best evaluation, and how many came after it; undefined without one. */
export function bestOf(
  metrics: readonly TrainingMetrics[],
  { metric }: Stopping,
): { step: number; value: number; since: number } | undefined {
  let best: { step: number; value: number; since: number } | undefined;
  for (const { step, heldOut } of metrics) {
    if (!heldOut) continue;
    const value = heldOut[metric];
    if (value === undefined) {
      throw new Error(
        `trainSae: expected evaluate to give "${metric}", got ${Object.keys(heldOut).join(", ")} (do: name another bestMetric)`,
      );
    }
    if (!best || value < best.value) best = { step, value, since: 0 };
    else best.since++;
  }
  return best;
}

/** A run that cannot go on. */
export class TrainingFailure extends Error {
  override readonly name = "TrainingFailure";

  constructor(
    /** The step at which it showed. */
    readonly step: number,
    /** What happened, in words. */
    readonly reason: string,
    /** The last good checkpoint, if there is one. */
    readonly checkpoint: string | undefined,
  ) {
    const last = checkpoint ? `; the last good checkpoint is ${checkpoint}` : "";
    super(`trainSae: ${reason} at step ${step}${last}`);
  }
}

/** Measured steps in a row without any feature firing after which a run has collapsed. */
const SILENT = 3;

/** A batch's FVU above this many times the smallest so far (of 1 at least) means that a run has diverged. */
const DIVERGED = 100;

/**
 * Why the run has failed by its newest record, or undefined. Before the end of the warm-up nothing is judged but whether
 * losses are finite.
 */
export function collapse(metrics: readonly TrainingMetrics[], warmUpSteps: number): string | undefined {
  const newest = metrics[metrics.length - 1];
  if (!newest || newest.step <= warmUpSteps) return undefined;
  const recent = metrics.slice(-SILENT);
  if (recent.length === SILENT && recent.every(({ l0, step }) => l0 === 0 && step > warmUpSteps)) {
    return `expected features to fire, got none on the last ${SILENT} measured batches (do: lower the sparsity coefficient)`;
  }
  const smallest = metrics.reduce((least, { fvu }) => Math.min(least, fvu), 1);
  if (newest.fvu > DIVERGED * smallest && newest.fvu > DIVERGED) {
    return `expected an FVU that falls, got ${newest.fvu.toPrecision(3)} (do: lower learningRate, or set gradientClip)`;
  }
  return undefined;
}
