import assert from "node:assert/strict";
import { test } from "node:test";
import { tf } from "../tensor";
import { shuffledLabelEntropies } from "./label-entropy";
import { logitLens, scoreLens } from "./logit-lens";
import { TopExamples } from "./top-examples";

test("the score counts hits among the labelled features only, and chance is that of shuffled labels", () => {
  const classes = Int32Array.of(3, 1, 3, 2, 0, 1, 2, 3);
  const label = Int32Array.of(3, 2, -1, 3);
  const score = scoreLens({ classes, k: 2 }, { label }, { shuffles: 2000 });
  assert.equal(score.features, 3);
  assert.ok(Math.abs(score.top1 - 1 / 3) < 1e-12);
  assert.equal(score.topK, 1);
  // Labels 3, 2, 3 dealt to features 0, 1, 3 with nearest classes 3, 3, 2: (2/3 + 2/3 + 1/3) / 3 on average.
  assert.ok(Math.abs(score.shuffledTop1 - 5 / 9) < 0.02, `${score.shuffledTop1}`);
  assert.ok(score.shuffledTop1Deviation > 0.2);
  assert.equal(scoreLens({ classes, k: 2 }, { label }, { chosen: [0, 2] }).features, 1);
});

test("texts of another width are refused", async () => {
  const [a, b] = [tf.ones([2, 3]), tf.ones([2, 4])];
  await assert.rejects(logitLens(a, b), /expected embeddings as wide as the texts, 4, got 3/);
  tf.dispose([a, b]);
});

test("shuffled labels keep each feature's activations and give the entropy of random rows", () => {
  const [N, F] = [400, 50];
  const top = new TopExamples(F, 20);
  for (let feature = 0; feature < F; feature++) {
    for (let i = 0; i < 20; i++) top.offer(feature, 1, (feature * 8 + i) % N);
  }
  const labels = Int32Array.from({ length: N }, (_, row) => Math.floor(row / 100));
  const shuffled = shuffledLabelEntropies(top, labels);
  const mean = shuffled.reduce((sum, value) => sum + value, 0) / F;
  // Twenty equal draws of four equal labels: ln 4 less about 3 / 40.
  assert.ok(Math.abs(mean - (Math.log(4) - 3 / 40)) < 0.03, `${mean}`);
  assert.deepEqual(shuffled, shuffledLabelEntropies(top, labels));
});
