import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { disposeAll, expectNoLeak, type NamedTensors, Random, type Tensor, tf } from "../tensor";
import { resolveTrainingConfig } from "./config";
import { naiveStandardStep } from "./standard-naive";
import { standardTraining } from "./standard-training";

/** Largest difference as a share of the largest expected number. */
function relativeError(got: Tensor, expected: Tensor): number {
  assert.deepEqual(got.shape, expected.shape);
  return tf.tidy(() => got.sub(expected).abs().max().div(expected.abs().max().add(1e-12)).dataSync()[0]);
}

/** (WEnc, bEnc, …) in training's own layout. */
function toParameters({ WEnc, bEnc, WDec, bDec }: NamedTensors): NamedTensors {
  return tf.tidy(() => ({
    encoder: tf.concat([WEnc.transpose(), bEnc.reshape([-1, 1])], 1),
    decoder: WDec.clone(),
    bDec: bDec.clone(),
  }));
}

/** `weights` undoes that, and so turns gradients too. */
function fromParameters(parameters: NamedTensors, width: number): NamedTensors {
  const [dSae] = parameters.decoder.shape;
  const config = resolveTrainingConfig({ architecture: "standard", dSae }, width);
  const noScaling = { scale: 1, centre: new Float32Array(width) };
  return standardTraining.weights(parameters, noScaling, config, { activationThreshold: 0 });
}

function randomWeights(seed: number, dIn: number, dSae: number): NamedTensors {
  const random = new Random(seed);
  return {
    WEnc: random.normalTensor([dIn, dSae], 0, 0.3),
    bEnc: random.normalTensor([dSae], -0.2, 0.1),
    WDec: random.normalTensor([dSae, dIn], 0, 0.3),
    bDec: random.normalTensor([dIn], 0, 0.2),
  };
}

function step(weights: NamedTensors, x: Tensor, l1Coefficient: number, dead: readonly number[]) {
  const [dIn, dSae] = weights.WEnc.shape;
  const config = resolveTrainingConfig({ architecture: "standard", dSae, l1Coefficient }, dIn);
  const parameters = toParameters(weights);
  const context = { config, dead: Int32Array.from(dead), measure: true, sparsityWeight: 1 };
  const result = standardTraining.step(parameters, x, context);
  const gradients = fromParameters(result.gradients, dIn);
  disposeAll(parameters);
  disposeAll(result.gradients);
  return { ...result, gradients };
}

describe("the hand-written step equals autodiff on the formulas", () => {
  const cases = [
    { name: "without dead features", dIn: 24, dSae: 70, dead: [] },
    { name: "with some dead features", dIn: 24, dSae: 70, dead: [0, 3, 4, 68] },
    { name: "with every feature dead", dIn: 8, dSae: 16, dead: Array.from({ length: 16 }, (_, i) => i) },
    { name: "over several blocks of features", dIn: 6, dSae: 2100, dead: [] },
    {
      name: "over several blocks of dead features",
      dIn: 6,
      dSae: 2100,
      dead: Array.from({ length: 1500 }, (_, i) => i + 300),
    },
  ];
  for (const [i, { name, dIn, dSae, dead }] of cases.entries()) {
    test(name, () => {
      const weights = randomWeights(i, dIn, dSae);
      const x = new Random(100 + i).normalTensor([32, dIn], 0.5, 1.5);
      const l1Coefficient = 2e-3;
      const fused = step(weights, x, l1Coefficient, dead);
      const naive = naiveStandardStep(weights, x, { l1Coefficient, dead });
      for (const term of ["mse", "l1", "ghost"]) {
        const [got, expected] = [fused.losses[term], naive.losses[term]];
        assert.ok(
          Math.abs(got - expected) <= 1e-5 * Math.abs(expected),
          `${term}: ${got} against ${expected}`,
        );
      }
      for (const [weight, gradient] of Object.entries(naive.gradients)) {
        const error = relativeError(fused.gradients[weight], gradient);
        assert.ok(error < 1e-4, `gradient of ${weight}: relative error ${error}`);
      }
      for (const tensors of [weights, fused.gradients, naive.gradients, { x }]) disposeAll(tensors);
    });
  }
});

test("measured L0, FVU and firing sums equal those counted from the activations", () => {
  const weights = randomWeights(7, 10, 1100);
  const x = new Random(8).normalTensor([20, 10]);
  const result = step(weights, x, 0, []);
  const [f, xHat] = tf.tidy(() => {
    const acts = x
      .sub(weights.bDec)
      .matMul(weights.WEnc as never)
      .add(weights.bEnc)
      .relu();
    return [acts, acts.matMul(weights.WDec as never).add(weights.bDec)];
  }) as unknown as [Tensor, Tensor];
  const l0 = (f.dataSync() as Float32Array).filter((value) => value > 0).length / 20;
  const fvu = tf.tidy(
    () =>
      x
        .sub(xHat)
        .square()
        .sum()
        .div(x.sub(x.mean(0)).square().sum())
        .dataSync()[0],
  );
  const sums = tf.tidy(() => f.sum(0).dataSync());
  assert.equal(result.measured?.l0, Math.fround(l0));
  assert.ok(Math.abs((result.measured?.fvu ?? 0) / fvu - 1) < 1e-5);
  result.activationSums.forEach((sum, feature) => {
    assert.equal(sum > 0, sums[feature] > 0);
    assert.ok(Math.abs(sum - sums[feature]) < 1e-4);
  });
  for (const tensors of [weights, result.gradients, { x, f, xHat }]) disposeAll(tensors);
});

test("start gives unit decoder rows, zero encoder biases and numbers within Kaiming's bounds", () => {
  const config = resolveTrainingConfig({ architecture: "standard", dSae: 50 }, 20);
  const bDec = Float32Array.from({ length: 20 }, (_, i) => i);
  const parameters = standardTraining.start(config, bDec, new Random(1));
  const weights = fromParameters(parameters, 20);
  const norms = tf.tidy(() => weights.WDec.norm(2, 1).dataSync());
  const encoder = weights.WEnc.dataSync();
  const bound = Math.sqrt(6 / 50);
  assert.ok(norms.every((norm) => Math.abs(norm - 1) < 1e-6));
  assert.ok(encoder.every((value) => Math.abs(value) <= bound));
  assert.ok(encoder.some((value) => value > 0.9 * bound) && encoder.some((value) => value < -0.9 * bound));
  assert.ok(weights.bEnc.dataSync().every((value) => value === 0));
  assert.deepEqual(weights.bDec.dataSync(), bDec);
  for (const tensors of [parameters, weights]) disposeAll(tensors);
});

test("the decoder's gradient has no component left along its rows", () => {
  const config = resolveTrainingConfig({ architecture: "standard", dSae: 30 }, 12);
  const decoder = new Random(1).normalTensor([30, 12]);
  const { decoder: unit } = standardTraining.constrain({ decoder }, config);
  const gradient = new Random(2).normalTensor([30, 12]);
  const { decoder: adjusted } = standardTraining.adjust({ decoder: gradient }, { decoder: unit }, config);
  const along = tf.tidy(() => adjusted.mul(unit).sum(1).abs().max().dataSync()[0]);
  const before = tf.tidy(() => gradient.mul(unit).sum(1).abs().max().dataSync()[0]);
  assert.ok(before > 0.5 && along < 1e-6, `${before} before, ${along} after`);
  disposeAll({ decoder, unit, gradient, adjusted });
});

test("no tensor is left behind by a step, with or without ghost gradients", async () => {
  await expectNoLeak(() => {
    const weights = randomWeights(3, 10, 30);
    const x = new Random(4).normalTensor([8, 10]);
    for (const dead of [[], [1, 2, 5]]) disposeAll(step(weights, x, 1e-3, dead).gradients);
    disposeAll(weights);
    x.dispose();
  });
});
