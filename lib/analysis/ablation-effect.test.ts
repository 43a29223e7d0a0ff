import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Clip,
  type ClipConfig,
  type ClipTokenizer,
  initialParameters,
  preprocessorConfig,
  runWithCache,
} from "../clip";
import type { Dataset } from "../datasets";
import { memorySource, Sae } from "../sae";
import { expectNoLeak, Random, type Tensor, tf, unitRows } from "../tensor";
import { ablationEffect } from "./ablation-effect";
import { TopExamples } from "./top-examples";

const [D, F, C, N] = [16, 6, 5, 7];
const tower = {
  num_hidden_layers: 2,
  num_attention_heads: 2,
  layer_norm_eps: 1e-5,
  hidden_act: "quick_gelu" as const,
  hidden_size: D,
  intermediate_size: 32,
};
const config = {
  projection_dim: 8,
  logit_scale_init_value: 1,
  vision_config: { ...tower, image_size: 16, patch_size: 8, num_channels: 3 },
  text_config: { ...tower, vocab_size: 8, max_position_embeddings: 4, bos_token_id: 6, eos_token_id: 7 },
} as ClipConfig;

const bytesOf = (i: number) => {
  const random = new Random(`picture/${i}`);
  return Uint8Array.from({ length: 768 }, () => random.int(256));
};
const pictures = {
  pictureShape: [16, 16, 3],
  size: N,
  pictures: async (indices: ArrayLike<number>) =>
    Uint8Array.from(Array.from(indices).flatMap((i) => [...bytesOf(i)])),
} as unknown as Dataset;

function world() {
  const random = new Random("world");
  const parameters = initialParameters(config, random);
  const clip = new Clip(
    config,
    parameters,
    undefined as unknown as ClipTokenizer,
    preprocessorConfig(16),
    "",
  );
  const weights = {
    WEnc: random.normalTensor([D, F]),
    bEnc: random.normalTensor([F]),
    WDec: random.normalTensor([F, D]),
    bDec: random.normalTensor([D]),
  };
  const sae = new Sae({ architecture: "standard", dIn: D, dSae: F, applyBDecToInput: true }, weights);
  const texts = random.normalTensor([C, 8]);
  const top = new TopExamples(F, 3);
  for (let feature = 0; feature < F - 1; feature++) {
    for (let i = 0; i <= feature; i++) top.offer(feature, 1 + i / 4, (2 * feature + i) % N);
  }
  return { clip, sae, texts, top };
}

async function classTokens(clip: Clip, hookPoint: "blocks.0.hook_resid_post" | "blocks.1.hook_resid_post") {
  const shown = Array.from({ length: N }, (_, i) => ({ data: bytesOf(i), width: 16, height: 16 }));
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
