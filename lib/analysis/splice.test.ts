import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dataset } from "../datasets";
import { expectNoLeak, Random, type Tensor, tf } from "../tensor";
import { pictures, tinyClip } from "./fixtures/tiny-world";
import { recovered, spliceQuality, spliceScoreFry } from "./splice";

const C = 3;
const N = 10;
const dataset: Dataset = {
  ...pictures,
  size: N,
  classNames: ["a", "b", "c"],
  // The last one has no class.
  labels: { class: { names: ["a", "b", "c"], index: Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2, -1) } },
};

test("quality equals its formulas over the embeddings; the identity changes nothing, a constant knows nothing", async () => {
  await expectNoLeak(async () => {
    const clip = tinyClip();
    const texts = new Random("texts").normalTensor([C, 8]);
    const rows = Array.from({ length: N }, (_, i) => i);
    const seen: number[][] = [];
    const quality = await spliceQuality({
      clip,
      pictures: dataset,
      hookPoint: "blocks.0.hook_resid_post",
      replacements: {
        identity: (x) => x.clone(),
        zero: (x: Tensor) => {
          seen.push(x.shape);
          return tf.zerosLike(x);
        },
      },
      texts,
      rows,
      batchSize: 9,
    });
    assert.deepEqual(seen, [[9, 16]]);
    assert.deepEqual(quality.identity, quality.original);
    assert.equal(quality.original.pictures, 9);

    // The formulas, written out over the embeddings in float64.
    const bytes = await dataset.pictures(rows.slice(0, 9));
    const embedding = await clip.embedPictures(
      rows.slice(0, 9).map((i) => ({ data: bytes.subarray(i * 768, (i + 1) * 768), width: 16, height: 16 })),
    );
    const embedded = (await embedding.array()) as number[][];
    const unit = ((await texts.array()) as number[][]).map((row) =>
      row.map((value) => value / Math.hypot(...row)),
    );
    const scale = Math.exp(clip.parameters.logit_scale.dataSync()[0]);
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const lse = (values: number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
    const label = (i: number) => dataset.labels.class.index[i];
    let [crossEntropy, contrastive, top1] = [0, 0, 0];
    embedded.forEach((picture, i) => {
      const logits = unit.map((text) => scale * dot(picture, text));
      crossEntropy += (lse(logits) - logits[label(i)]) / 9;
      if (logits.every((logit, c) => c === label(i) || logit < logits[label(i)])) top1 += 1 / 9;
      const across = embedded.map((_, j) => scale * dot(picture, unit[label(j)]));
      const down = embedded.map((other) => scale * dot(other, unit[label(i)]));
      contrastive += ((lse(across) + lse(down)) / 2 - across[i]) / 9;
    });
    const { original } = quality;
    assert.ok(
      Math.abs(original.crossEntropy - crossEntropy) < 1e-4,
      `${original.crossEntropy} ${crossEntropy}`,
    );
    assert.ok(Math.abs(original.contrastive - contrastive) < 1e-4, `${original.contrastive} ${contrastive}`);
    assert.ok(Math.abs(original.top1 - top1) < 1e-9);
    assert.notEqual(quality.zero.crossEntropy, original.crossEntropy);
    tf.dispose([embedding, texts]);
    clip.dispose();
  });
});

test("recovered is 1 for the original and 0 for the ablation; the post's score the other way round", () => {
  assert.equal(recovered(2, 2, 6), 1);
  assert.equal(recovered(2, 6, 6), 0);
  assert.equal(recovered(2, 3, 6), 0.75);
  assert.equal(spliceScoreFry(2, 3, 6), 0.25);
  assert.ok(spliceScoreFry(2, 1.9, 6) < 0);
});
