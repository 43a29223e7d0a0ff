import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSafetensors } from "../io";
import { disposeAll, expectNoLeak, type NamedTensors, type Tensor, tf } from "../tensor";
import { embedPatches, embedTokens, parseClipConfig, readClipParameters, toPatches, visionResidual } from ".";

const FIXTURES = join(__dirname, "fixtures");
const cases = readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) => entry.isDirectory());

for (const { name } of cases) {
  test(`the towers agree with Hugging Face's CLIPModel on the case ${name}`, async () => {
    await expectNoLeak(async () => {
      const { config, parameters, expected } = await readCase(name);
      const patches = toPatches(expected.pixels, config.vision_config);
      const pictures = embedPatches(patches, parameters, config);
      assertClose(pictures, expected.image_embeds, "image_embeds");
      const [batch, length] = expected.ids.shape;
      const ids = expected.ids.dataSync() as Int32Array;
      const texts = embedTokens({ ids: Int32Array.from(ids), length }, parameters, config);
      assert.equal(texts.shape[0], batch);
      assertClose(texts, expected.text_embeds, "text_embeds");
      tf.dispose([patches, pictures, texts]);
      disposeAll(parameters);
      disposeAll(expected);
    });
  });

  test(`every hidden state of the vision tower agrees with Hugging Face on the case ${name}`, async () => {
    const { config, parameters, expected } = await readCase(name);
    const patches = toPatches(expected.pixels, config.vision_config);
    const seen: NamedTensors = {};
    const hook = (point: string, value: Tensor) => {
      seen[point] = tf.keep(value.clone());
      return value;
    };
    visionResidual(patches, parameters, config.vision_config, { hook });
    assertClose(seen.hook_ln_pre, expected["hidden_states.0"], "after the first norm");
    for (let layer = 0; layer < config.vision_config.num_hidden_layers; layer++) {
      const got = seen[`blocks.${layer}.hook_resid_post`];
      assertClose(got, expected[`hidden_states.${layer + 1}`], `after block ${layer}`);
    }
    disposeAll(seen);
  });
}

test("looking at all patches through keptPatches gives what looking at all of them plainly gives", async () => {
  const { config, parameters, expected } = await readCase("tiny");
  const patches = toPatches(expected.pixels, config.vision_config);
  const keptPatches = Int32Array.from([0, 1, 2, 3, 3, 2, 1, 0, 1, 0, 3, 2]); // order does not matter
  assertClose(
    embedPatches(patches, parameters, config, { keptPatches }),
    embedPatches(patches, parameters, config),
    "embeddings",
  );
});

test("a hook that replaces the residual stream changes what comes after it", async () => {
  const { config, parameters, expected } = await readCase("tiny");
  const patches = toPatches(expected.pixels, config.vision_config);
  const hook = (point: string, value: Tensor) =>
    point === "blocks.1.hook_resid_post" ? value.mul(0) : value;
  const replaced = embedPatches(patches, parameters, config, { hook }).arraySync() as number[][];
  assert.deepEqual(replaced[0], replaced[1]); // all pictures look alike once the stream is zeroed
});

async function readCase(name: string) {
  const folder = join(FIXTURES, name);
  const config = parseClipConfig(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), name);
  const parameters = await readClipParameters(join(folder, "model.safetensors"), config);
  const expected: NamedTensors = {};
  const { tensors } = await readSafetensors(join(folder, "expected.safetensors"));
  for (const [key, { dtype, shape, data }] of tensors) {
    expected[key] = tf.tensor(data as Float32Array, shape, dtype === "I32" ? "int32" : "float32");
  }
  return { config, parameters, expected };
}

function assertClose(got: Tensor, expected: Tensor, what: string): void {
  assert.deepEqual(got.shape, expected.shape, what);
  const difference = tf.tidy(() => got.sub(expected).abs().max().dataSync()[0]);
  const size = tf.tidy(() => expected.abs().max().dataSync()[0]);
  assert.ok(difference <= 1e-5 * Math.max(1, size), `${what}: off by ${difference} at a size of ${size}`);
}
