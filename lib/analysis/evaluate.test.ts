import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource, Sae } from "../sae";
import { expectNoLeak, Random, type Tensor2D, tf } from "../tensor";
import { FeatureDensity } from "./density";
import { evaluateSae } from "./evaluate";
import { labelEntropies } from "./label-entropy";
import { Reconstruction } from "./reconstruction";
import { TopExamples } from "./top-examples";

const [N, D, F] = [50, 6, 20];

function randomSae(): Sae {
  const random = new Random("sae");
  const weights = {
    WEnc: random.normalTensor([D, F]),
    bEnc: random.normalTensor([F], -1),
    WDec: random.normalTensor([F, D]),
    bDec: random.normalTensor([D]),
  };
  return new Sae({ architecture: "standard", dIn: D, dSae: F, applyBDecToInput: true }, weights);
}

const data = (() => {
  const random = new Random("data");
  return Float32Array.from({ length: N * D }, () => random.normal());
})();
const labels = Array.from({ length: N }, (_, row) => row % 4);

test("one pass in odd batches gives what each measurement gives on all rows at once", async () => {
  const sae = randomSae();
  const progress: number[] = [];
  const evaluation = await evaluateSae(sae, memorySource(data, D), {
    batchSize: 7,
    topK: 12,
    labels,
    onProgress: ({ done, total }) => progress.push(done / total),
  });
  const x = tf.tensor2d(data, [N, D]);
  const pre = tf.tidy(() =>
    tf.matMul(x.sub(sae.weights.bDec) as Tensor2D, sae.weights.WEnc as Tensor2D).add(sae.weights.bEnc),
  );
  const f = pre.relu();
  const xHat = tf.tidy(() => tf.matMul(f as Tensor2D, sae.weights.WDec as Tensor2D).add(sae.weights.bDec));
  const acts = f.dataSync() as Float32Array;
  const reconstruction = new Reconstruction(D);
  reconstruction.add(data, xHat.dataSync() as Float32Array);
  const density = new FeatureDensity(F);
  density.add(acts);
  const top = new TopExamples(F, 12);
  top.add(acts, 0);

  for (const [name, value] of Object.entries(reconstruction.result())) {
    const got = Reflect.get(evaluation, name) as number;
    assert.ok(Math.abs(got - value) <= 1e-5 * Math.abs(value), `${name}: ${got} for ${value}`);
  }
  assert.deepEqual(evaluation.featureDensity, density.result().featureDensity);
  assert.equal(evaluation.l0, density.result().l0);
  assert.equal(evaluation.deadFeatures, density.result().deadFeatures);
  const entropies = labelEntropies(top, labels);
  for (let feature = 0; feature < F; feature++) {
    assert.deepEqual(evaluation.top.feature(feature).rows, top.feature(feature).rows);
    const [got, expected] = [evaluation.labelEntropy?.[feature] ?? 0, entropies[feature]];
    assert.ok(Object.is(got, expected) || Math.abs(got - expected) < 1e-5);
  }
  assert.equal(progress.length, 8);
  assert.equal(progress[7], 1);
  tf.dispose([x, pre, f, xHat]);
  sae.dispose();
});

test("rows of another width and a wrong number of labels are refused", async () => {
  const sae = randomSae();
  await assert.rejects(evaluateSae(sae, memorySource(data, 5)), /expected rows of 6, got 5/);
  await assert.rejects(evaluateSae(sae, memorySource(data, D), { labels: [1] }), /expected 50 labels, got 1/);
  sae.dispose();
});

test("no tensor is left behind by an evaluation", async () => {
  await expectNoLeak(async () => {
    const sae = randomSae();
    await evaluateSae(sae, memorySource(data, D), { batchSize: 16 });
    sae.dispose();
  });
});
