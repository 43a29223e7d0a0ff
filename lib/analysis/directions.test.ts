import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource } from "../sae";
import { expectNoLeak, Random, tf } from "../tensor";
import { directionSpectrum, meanOfSource, pairCosines } from "./directions";
import { neuronAlignment, neuronDictionary, randomAlignment } from "./neuron-alignment";

test("pairs are of different rows within a group, and the same for the same seed", async () => {
  await expectNoLeak(async () => {
    const x = tf.tensor2d([1, 0, 0, 2], [2, 2]);
    assert.deepEqual([...(await pairCosines(x, x, { pairs: 50 }))], new Array(50).fill(0));
    const y = new Random(1).normalTensor([30, 2]);
    const drawn = await pairCosines(x, y, { pairs: 400 });
    assert.deepEqual(drawn, await pairCosines(x, y, { pairs: 400 }));
    assert.notDeepEqual(drawn, await pairCosines(x, y, { pairs: 400, seed: 1 }));
    const unit = tf.tidy(() => y.div(y.norm(2, -1, true)));
    const possible = new Set(await unit.data<"float32">());
    assert.ok(
      drawn.every((cosine) => [...possible].some((value) => Math.abs(value - cosine) < 1e-6)),
      "each is a coordinate of a unit row of y",
    );
    unit.dispose();
    const single = tf.tensor2d([1, 0], [1, 2]);
    await assert.rejects(pairCosines(single), /expected rows to pair, got 1/);
    tf.dispose([x, y, single]);
  });
});

test("one direction up to scale has a spectrum of one share, random ones a flat one", async () => {
  const row = new Random("row").normalTensor([1, 16]);
  const same = tf.tidy(() => row.mul(tf.range(1, 41).reshape([40, 1])));
  const one = await directionSpectrum(same);
  assert.ok(Math.abs(one.shares[0] - 1) < 1e-5 && Math.abs(one.effectiveDimensions - 1) < 1e-4);
  assert.ok(Math.abs(one.meanCosine - 1) < 1e-5);
  const random = new Random("many").normalTensor([4000, 16]);
  const many = await directionSpectrum(random);
  assert.ok(many.effectiveDimensions > 15.5 && many.shares[0] < 1.2 / 16);
  tf.dispose([row, same, random]);
});

test("the random baseline is what random directions have, and a feature along a neuron stands out of it", async () => {
  await expectNoLeak(async () => {
    const neurons = new Random("neurons").normalTensor([64, 128]);
    const baseline = await randomAlignment(neurons, 500);
    const highest = Math.max(...baseline);
    const directions = neurons.slice([7, 0], [1, 128]);
    const { maxCosine, nearestNeuron, alignedNeurons } = await neuronAlignment(directions, neurons, {
      threshold: highest,
    });
    assert.deepEqual([nearestNeuron[0], alignedNeurons[0]], [7, 1]);
    assert.ok(Math.abs(maxCosine[0] - 1) < 1e-5 && highest < 0.5);
    // The largest of 64 independent cosines of spread 128^-½ lies about 2.4 spreads up.
    const mean = baseline.reduce((sum, value) => sum + value, 0) / baseline.length;
    assert.ok(Math.abs(mean * Math.sqrt(128) - 2.37) < 0.15, `${mean * Math.sqrt(128)}`);
    tf.dispose([neurons, directions]);
  });
});

test("directions and neurons of different widths are refused", async () => {
  const [a, b] = [tf.ones([2, 3]), tf.ones([2, 4])];
  await assert.rejects(neuronAlignment(a, b), /of one width, got 3 and 4/);
  tf.dispose([a, b]);
});

test("a neuron seen as a feature fires by its unit output vector on what is above the mean", async () => {
  await expectNoLeak(async () => {
    const neurons = tf.tensor2d([3, 0, 0, 0, -2, 0], [2, 3]);
    const mean = tf.tensor1d([1, 1, 1]);
    const dictionary = neuronDictionary(neurons, mean);
    const x = tf.tensor2d([2.5, 0, 9, 0, 4, 9], [2, 3]);
    const f = dictionary.encode(x);
    assert.deepEqual([...(await f.data())], [1.5, 1, 0, 0]);
    dictionary.dispose();
    tf.dispose([neurons, mean, x, f]);
  });
});

test("the mean row is that of all rows, whatever the batches", async () => {
  const source = memorySource(Float32Array.of(1, 10, 2, 20, 6, 60), 2);
  assert.deepEqual([...(await meanOfSource(source, 2))], [3, 30]);
  assert.deepEqual([...(await meanOfSource(source))], [3, 30]);
});
