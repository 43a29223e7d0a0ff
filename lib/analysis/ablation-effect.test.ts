import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clip, runWithCache } from "../clip";
import { memorySource } from "../sae";
import { expectNoLeak, Random, type Tensor, tf, unitRows } from "../tensor";
import { ablationEffect } from "./ablation-effect";
import { D, F, N, pictureOf, pictures, tinyModels } from "./fixtures/tiny-world";
import { TopExamples } from "./top-examples";

const C = 5;

function world() {
  const texts = new Random("texts").normalTensor([C, 8]);
  const top = new TopExamples(F, 3);
  for (let feature = 0; feature < F - 1; feature++) {
    for (let i = 0; i <= feature; i++) top.offer(feature, 1 + i / 4, (2 * feature + i) % N);
  }
  return { ...tinyModels(), texts, top };
}

async function classTokens(clip: Clip, hookPoint: "blocks.0.hook_resid_post" | "blocks.1.hook_resid_post") {
  const shown = Array.from({ length: N }, (_, i) => pictureOf(i));
  const cache = await runWithCache(clip, { pictures: shown }, { hooks: [hookPoint], tokens: "class" });
  const data = await cache[hookPoint].data<"float32">();
  cache[hookPoint].dispose();
  return memorySource(data, D);
}

test("after the last block the total effect is the direct one; before it they differ; a dead feature has no classes", async () => {
  const { clip, sae, texts, top } = world();
  const common = { clip, sae, pictures, top, texts, features: [4, 0, 5, 2], k: 3, batchSize: 3 };
  await expectNoLeak(async () => {
    for (const hookPoint of ["blocks.1.hook_resid_post", "blocks.0.hook_resid_post"] as const) {
      const activations = await classTokens(clip, hookPoint);
      const total = await ablationEffect({ ...common, hookPoint, activations });
      const direct = await ablationEffect({ ...common, hookPoint, activations, effect: "direct" });
      const gap = Math.max(...total.drops.map((drop, i) => Math.abs(drop - direct.drops[i])));
      assert.equal(gap < 1e-5, hookPoint === "blocks.1.hook_resid_post", `${hookPoint}: ${gap}`);
      assert.deepEqual([...total.classes.slice(6, 9)], [-1, -1, -1]);
      assert.ok(total.classes.slice(0, 6).every((c) => c >= 0 && c < C));
    }
  });
  clip.dispose();
  sae.dispose();
  texts.dispose();
});

test("the drops are the differences of cosines, one picture at a time", async () => {
  const { clip, sae, texts, top } = world();
  const hookPoint = "blocks.1.hook_resid_post";
  const activations = await classTokens(clip, hookPoint);
  const { classes, drops } = await ablationEffect({
    clip,
    sae,
    pictures,
    top,
    texts,
    features: [3],
    k: C,
    hookPoint,
    activations,
    picturesPerFeature: 2,
  });
  const { rows, activations: strengths } = top.feature(3);
  const expected = new Array(C).fill(0);
  for (let i = 0; i < 2; i++) {
    const row = new Float32Array(D);
    await activations.gather(Uint32Array.of(rows[i]), row);
    const cosines = (x: Tensor) =>
      tf.tidy(() => {
        const centred = x.sub(x.mean());
        const normed = centred.div(centred.square().mean().add(1e-5).sqrt());
        const out = normed
          .mul(clip.parameters["vision_model.post_layernorm.weight"])
          .add(clip.parameters["vision_model.post_layernorm.bias"])
          .reshape([1, D]) as Tensor & { rank: 2 };
        const weight = clip.parameters["visual_projection.weight"] as Tensor & { rank: 2 };
        const embedding = unitRows(tf.matMul(out, weight, false, true)) as Tensor & { rank: 2 };
        return [...tf.matMul(embedding, unitRows(texts) as Tensor & { rank: 2 }, false, true).dataSync()];
      });
    const x = tf.tensor1d(row);
    const without = tf.tidy(() =>
      x.sub(sae.weights.WDec.slice([3, 0], [1, D]).reshape([D]).mul(strengths[i])),
    );
    const [a, b] = [cosines(x), cosines(without)];
    for (let c = 0; c < C; c++) expected[c] += (a[c] - b[c]) / 2;
  }
  classes.forEach((c, i) => {
    assert.ok(Math.abs(drops[i] - expected[c]) < 1e-5, `class ${c}: ${drops[i]}, expected ${expected[c]}`);
  });
  assert.deepEqual(
    [...drops],
    [...drops].sort((a, b) => b - a),
  );
  clip.dispose();
});
