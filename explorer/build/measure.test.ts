import assert from "node:assert/strict";
import { test } from "node:test";
import { FeatureFirings, FeatureStatistics } from "../../lib/analysis";
import { loadClip, projectClassToken } from "../../lib/clip";
import { Sae } from "../../lib/sae";
import { Random, tf } from "../../lib/tensor";
import { measureFeatures, nearestDirections } from "./measure";

const [F, D, ROWS, TOP] = [24, 192, 60, 5];

/** Cosine of two vectors, written out. */
function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    left += a[i] ** 2;
    right += b[i] ** 2;
  }
  return product / Math.sqrt(left * right);
}

test("nearest decoder vectors are those of a full sort, without the feature itself", async () => {
  const directions = new Random(1).normalTensor([F, 8]);
  const rows = (await directions.array()) as number[][];
  const before = tf.memory().numTensors;
  const { neighbours, neighbourCosines } = await nearestDirections(directions, 4);
  assert.equal(tf.memory().numTensors, before);
  for (let f = 0; f < F; f++) {
    const others = rows
      .map((row, other) => ({ other, value: cosine(rows[f], row) }))
      .filter(({ other }) => other !== f)
      .sort((a, b) => b.value - a.value)
      .slice(0, 4);
    assert.deepEqual(
      [...neighbours.subarray(f * 4, f * 4 + 4)],
      others.map(({ other }) => other),
    );
    for (const [i, { value }] of others.entries())
      assert.ok(Math.abs(neighbourCosines[f * 4 + i] - value) < 1e-5);
  }
  directions.dispose();
});

test("features of an SAE on the shipped model are measured as written out, and nothing stays in memory", async () => {
  const clip = await loadClip("emoji-clip");
  const random = new Random(2);
  const weights = {
    WEnc: random.normalTensor([D, F]),
    bEnc: tf.zeros([F]),
    WDec: random.normalTensor([F, D]),
    bDec: tf.zeros([D]),
  };
  const sae = new Sae({ architecture: "standard", dIn: D, dSae: F, applyBDecToInput: true }, weights);
  const statistics = FeatureStatistics.empty(F, TOP);
  // Feature f fires on the rows that f + 1 divides, with the row's number; feature 23 never does.
  const fires = (row: number, f: number) => f !== 23 && row > 0 && row % (f + 1) === 0;
  const f = Float32Array.from({ length: ROWS * F }, (_, i) =>
    fires(Math.floor(i / F), i % F) ? Math.floor(i / F) : 0,
  );
  statistics.add(f, 0);
  const firings = FeatureFirings.empty(F);
  firings.add(f, 0);
  const labels = {
    names: ["cat-face", "dog", "tree"],
    index: Int32Array.from({ length: ROWS }, (_, i) => i % 3),
  };
  const before = tf.memory().numTensors;
  const measured = await measureFeatures(
    { clip, sae, statistics, labels, firings },
    { hookPoint: "blocks.4.hook_resid_post", prompt: "an emoji of {}", top: TOP, lens: 2 },
  );
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual([...measured.details.pictures.subarray(9 * TOP, 10 * TOP)], [50, 40, 30, 20, 10]);
  assert.deepEqual([...measured.details.pictures.subarray(23 * TOP)], [-1, -1, -1, -1, -1]);
  // Feature 9 fires on rows 10, 20, … 50: a row out of every fifth, the strongest first; half of feature 4's rows, which are 5, 10, … 55.
  assert.deepEqual(
    [...measured.details.samples.subarray(9 * 25, 10 * 25)].filter((row) => row >= 0),
    [50, 40, 30, 20, 10],
  );
  const { bins, log2Low, perOctave } = measured.sizes;
  const ofNine = measured.details.histogram.subarray(9 * bins, 10 * bins);
  assert.equal(ofNine[Math.floor((Math.log2(50) - log2Low) * perOctave)], 1);
  assert.equal(
    ofNine.reduce((sum, times) => sum + times, 0),
    5,
  );
  assert.equal(measured.details.coFiring[9 * 12], 4);
  assert.equal(measured.details.coFiringShares[9 * 12], Math.fround(5 / 11));
  assert.equal(measured.columns.cluster[23], 0);
  assert.equal(measured.columns.density[9], Math.fround(5 / ROWS));
  assert.equal(measured.columns.meanActivation[9], 30);
  assert.equal(measured.columns.picture[9], 50);
  // Of rows 57, 54, 51, … every one is of label 0.
  assert.equal(measured.columns.label[2], 0);

  const neurons = (await clip.parameters["vision_model.encoder.layers.4.mlp.fc2.weight"]
    .transpose()
    .array()) as number[][];
  const encoder = (await weights.WEnc.transpose().array()) as number[][];
  const largest = Math.max(...neurons.map((neuron) => cosine(encoder[7], neuron)));
  assert.ok(Math.abs(measured.columns.mlpCosine[7] - largest) < 1e-5);
  // As whole numbers, which the page draws its plot from, they are the same within the width of a line.
  const stored = measured.details.encoder.subarray(7 * D, 8 * D);
  neurons.forEach((neuron, m) => {
    const of = measured.neurons.vectors.subarray(m * D, (m + 1) * D);
    assert.ok(Math.abs(cosine(stored, of) - cosine(encoder[7], neuron)) < 0.005);
  });

  const texts = (await (
    await clip.embedTexts(["an emoji of cat face", "an emoji of dog", "an emoji of tree"])
  ).array()) as number[][];
  const embedded = (await projectClassToken(
    weights.WDec,
    clip.parameters,
    clip.config,
  ).array()) as number[][];
  const nearest = texts
    .map((text, name) => ({ name, value: cosine(embedded[7], text) }))
    .sort((a, b) => b.value - a.value)
    .slice(0, 2);
  assert.deepEqual(
    [...measured.details.lens.subarray(14, 16)],
    nearest.map(({ name }) => name),
  );
  assert.ok(Math.abs(measured.details.lensCosines[14] - nearest[0].value) < 1e-4);
});
