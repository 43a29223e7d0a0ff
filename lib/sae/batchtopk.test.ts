import assert from "node:assert/strict";
import { test } from "node:test";
import { thresholdRate } from "./batchtopk";

/** The threshold after each step whose batch's smallest activation is `smallest[step]`. */
function thresholds(smallest: readonly number[], thresholdBiasCorrection: boolean): number[] {
  let threshold = 0;
  return smallest.map((activation, i) => {
    const rate = thresholdRate(i + 1, { thresholdLearningRate: 0.05, thresholdBiasCorrection });
    threshold += rate * (activation - threshold);
    return threshold;
  });
}

test("the threshold is an average of the batches so far, the latest counting most, without its start at 0", () => {
  const smallest = Array.from({ length: 80 }, (_, i) => 1 + Math.sin(i) / 2);
  for (const [i, got] of thresholds(smallest, true).entries()) {
    const weights = smallest.slice(0, i + 1).map((_, j) => 0.95 ** (i - j));
    const mean = weights.reduce((sum, weight, j) => sum + weight * smallest[j], 0);
    const expected = mean / weights.reduce((sum, weight) => sum + weight);
    assert.ok(Math.abs(got - expected) < 1e-12, `step ${i + 1}: ${got}, expected ${expected}`);
  }
});

test("without correction it is SAELens's, which a short run leaves too low", () => {
  const got = thresholds(Array(20).fill(3), false);
  for (const [i, threshold] of got.entries())
    assert.ok(Math.abs(threshold - 3 * (1 - 0.95 ** (i + 1))) < 1e-12);
});
