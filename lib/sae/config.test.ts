import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resolveTrainingConfig, type SaeTrainingOptions, trainingConfigHash } from "./config";
import { learningRateAt } from "./schedule";

describe("training config", () => {
  test("the post's numbers are the defaults at the post's width", () => {
    const config = resolveTrainingConfig({ architecture: "standard", expansionFactor: 64 }, 1024);
    const { dSae, batchSize, learningRate, warmUpSteps, l1Coefficient, deadAfterSteps, seed } = config;
    assert.deepEqual(
      {
        dSae,
        tokens: config.steps * batchSize,
        batchSize,
        learningRate,
        warmUpSteps,
        l1Coefficient,
        deadAfterSteps,
        seed,
      },
      {
        dSae: 65536,
        tokens: 2621440,
        batchSize: 1024,
        learningRate: 4e-4,
        warmUpSteps: 500,
        l1Coefficient: 8e-5,
        deadAfterSteps: 64,
        seed: 42,
      },
    );
  });

  test("the hash changes with any option and with the data", () => {
    const config = resolveTrainingConfig({ architecture: "standard" }, 8);
    const hash = trainingConfigHash(config, "data");
    assert.equal(trainingConfigHash({ ...config }, "data"), hash);
    assert.notEqual(trainingConfigHash({ ...config, seed: 1 }, "data"), hash);
    assert.notEqual(trainingConfigHash(config, "other"), hash);
  });

  test("values that cannot be meant are refused by name", () => {
    const cases: [Partial<SaeTrainingOptions>, RegExp][] = [
      [{ steps: -1 }, /expected steps to be a whole number >= 0, got -1/],
      [{ batchSize: 0.5 }, /expected batchSize/],
      [{ l1Coefficient: Number.NaN }, /expected l1Coefficient/],
      [
        { architecture: "relu" as "standard" },
        /expected architecture to be "standard" or "topk" or .*, got "relu"/,
      ],
      [{ schedule: "step" as "linear" }, /expected schedule to be "constant" or "linear" or "cosine"/],
    ];
    for (const [change, message] of cases) {
      assert.throws(() => resolveTrainingConfig({ architecture: "standard", ...change }, 8), message);
    }
  });
});

describe("learning rate", () => {
  const config = { learningRate: 1, warmUpSteps: 10, decayFraction: 0.2, steps: 100 } as const;

  test("it rises by equal steps to the full rate at the last step of the warm-up and stays there", () => {
    const rates = [0, 4, 9, 10, 99].map((step) => learningRateAt(step, { ...config, schedule: "constant" }));
    assert.deepEqual(rates, [0.1, 0.5, 1, 1, 1]);
  });

  test("linear and cosine decays start at the last fifth and pass one half in its middle", () => {
    for (const schedule of ["linear", "cosine"] as const) {
      const rates = [50, 80, 90, 99].map((step) => learningRateAt(step, { ...config, schedule }));
      assert.deepEqual(rates.slice(0, 2), [1, 1]);
      assert.ok(Math.abs(rates[2] - 0.5) < 1e-12);
      assert.ok(rates[3] > 0 && rates[3] <= 0.05);
    }
  });
});
