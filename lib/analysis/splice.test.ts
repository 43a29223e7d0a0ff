import assert from "node:assert/strict";
import { test } from "node:test";
import { Clip, type ClipConfig, type ClipTokenizer, initialParameters, preprocessorConfig } from "../clip";
import type { Dataset } from "../datasets";
import { expectNoLeak, Random, type Tensor, tf } from "../tensor";
import { recovered, spliceQuality, spliceScoreFry } from "./splice";

const tower = {
  num_hidden_layers: 2,
  num_attention_heads: 2,
  layer_norm_eps: 1e-5,
  hidden_act: "quick_gelu" as const,
};
const config: ClipConfig = {
  projection_dim: 8,
  logit_scale_init_value: 1,
  vision_config: {
    ...tower,
    hidden_size: 16,
    intermediate_size: 32,
    image_size: 16,
    patch_size: 8,
    num_channels: 3,
  },
  text_config: {
    ...tower,
    hidden_size: 16,
    intermediate_size: 32,
    vocab_size: 8,
    max_position_embeddings: 4,
    bos_token_id: 6,
    eos_token_id: 7,
  },
};
const C = 3;
const N = 10;
const dataset: Dataset = {
  name: "random",
  size: N,
  hash: "random-10",
  pictureShape: [16, 16, 3],
  classNames: ["a", "b", "c"],
  // The last one has no class.
  labels: { class: { names: ["a", "b", "c"], index: Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2, -1) } },
  record: (i) => ({ id: String(i), caption: "picture", labels: { class: null } }),
  attempt: () => Promise.reject(new Error("is not asked for")),
  original: () => Promise.reject(new Error("is not asked for")),
  pictures: async (indices) => {
    const out = new Uint8Array(indices.length * 768);
    for (let n = 0; n < indices.length; n++) {
      const random = new Random(`picture/${indices[n]}`);
      for (let j = 0; j < 768; j++) out[n * 768 + j] = random.int(256);
    }
    return out;
  },
};

function tinyClip(): Clip {
  const parameters = initialParameters(config, new Random(1));
  return new Clip(config, parameters, {} as ClipTokenizer, preprocessorConfig(16), "tiny");
}

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
    const pictures = (await embedding.array()) as number[][];
    const unit = ((await texts.array()) as number[][]).map((row) =>
      row.map((value) => value / Math.hypot(...row)),
    );
    const scale = Math.exp(clip.parameters.logit_scale.dataSync()[0]);
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const lse = (values: number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
    const label = (i: number) => dataset.labels.class.index[i];
    let [crossEntropy, contrastive, top1] = [0, 0, 0];
    pictures.forEach((picture, i) => {
      const logits = unit.map((text) => scale * dot(picture, text));
      crossEntropy += (lse(logits) - logits[label(i)]) / 9;
      if (logits.every((logit, c) => c === label(i) || logit < logits[label(i)])) top1 += 1 / 9;
      const across = pictures.map((_, j) => scale * dot(picture, unit[label(j)]));
      const down = pictures.map((other) => scale * dot(other, unit[label(i)]));
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
