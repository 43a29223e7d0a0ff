import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Clip, type ClipConfig, type ClipTokenizer, initialParameters, preprocessorConfig } from "../clip";
import type { Dataset } from "../datasets";
import { Random } from "../tensor";
import { collectClassTokens } from ".";

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

/** Seven random pictures; counts how many are asked for. */
function pictureSet() {
  const counter = { read: 0 };
  const index = new Int32Array(7);
  const dataset: Dataset = {
    name: "random",
    size: 7,
    hash: "random-7",
    pictureShape: [16, 16, 3],
    classNames: ["picture"],
    labels: { class: { names: ["picture"], index } },
    record: (i) => ({ id: String(i), caption: "picture", labels: { class: "picture" } }),
    attempt: () => Promise.reject(new Error("is not asked for")),
    original: () => Promise.reject(new Error("is not asked for")),
    pictures: async (indices) => {
      counter.read += indices.length;
      const out = new Uint8Array(indices.length * 768);
      for (let n = 0; n < indices.length; n++) {
        const random = new Random(`picture/${indices[n]}`);
        for (let j = 0; j < 768; j++) out[n * 768 + j] = random.int(256);
      }
      return out;
    },
  };
  return { dataset, counter };
}

test("activations are computed once: the second time no picture is read, another hook point is another cache", async () => {
  const dir = await mkdtemp(join(tmpdir(), "vitrine-collect-"));
  const parameters = initialParameters(config, new Random(1));
  const clip = new Clip(
    config,
    parameters,
    undefined as unknown as ClipTokenizer,
    preprocessorConfig(16),
    "hash",
  );
  const { dataset, counter } = pictureSet();
  const options = { clip, dataset, hookPoint: "blocks.0.hook_resid_post", views: 2, seed: 3, dir };
  try {
    const first = await collectClassTokens(options);
    assert.deepEqual([first.rows, first.width, counter.read], [14, 16, 14]);
    const second = await collectClassTokens(options);
    assert.deepEqual(await second.toArray(), await first.toArray());
    assert.equal(counter.read, 14);

    const plain = await collectClassTokens({ ...options, views: 1 });
    const all = await first.toArray();
    assert.deepEqual(
      await plain.toArray(),
      all.slice(0, 7 * 16),
      "the first view is the pictures as they are",
    );
    const later = await collectClassTokens({ ...options, hookPoint: "blocks.1.hook_resid_post" });
    assert.notDeepEqual(await later.toArray(), all);
    assert.equal(counter.read, 14 + 7 + 14);
  } finally {
    clip.dispose();
    await rm(dir, { recursive: true, force: true });
  }
});
