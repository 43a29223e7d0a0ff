import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readSafetensors, writeSafetensors } from "../io";
import { disposeAll, expectNoLeak, tf } from "../tensor";
import {
  type ClipConfig,
  loadClip,
  parseClipConfig,
  preprocessorConfig,
  readClipParameters,
  saveClip,
  trainTokenizer,
} from ".";

const FIXTURE = join(__dirname, "fixtures", "tiny");
let folder = "";
let config: ClipConfig;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-model-"));
  config = parseClipConfig(JSON.parse(readFileSync(join(FIXTURE, "config.json"), "utf8")), "tiny");
  const parameters = await readClipParameters(join(FIXTURE, "model.safetensors"), config);
  const tokenizer = trainTokenizer(["red", "blue"], 4);
  await saveClip(folder, { config, parameters, tokenizer, preprocessor: preprocessorConfig(16) });
  disposeAll(parameters);
});
after(() => rm(folder, { recursive: true, force: true }));

test("a saved model is read back with its weights in half precision, and its hash follows the files", async () => {
  const parameters = await readClipParameters(join(FIXTURE, "model.safetensors"), config);
  await expectNoLeak(async () => {
    const clip = await loadClip(folder);
    for (const [name, tensor] of Object.entries(parameters)) {
      const off = tf.tidy(() => clip.parameters[name].sub(tensor).abs().max().dataSync()[0]);
      const size = tf.tidy(() => tensor.abs().max().dataSync()[0]);
      assert.ok(off <= size * 2 ** -10, `${name} is off by ${off}`);
    }
    const again = await loadClip(folder);
    assert.equal(again.hash, clip.hash);
    clip.dispose();
    again.dispose();
  });
  const changed = { ...preprocessorConfig(16), image_mean: [0, 0, 0] };
  const before = (await loadClip(folder)).hash;
  await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify(changed));
  assert.notEqual((await loadClip(folder)).hash, before);
});

test("embeddings of pictures and texts have unit norm, however many are asked for", async () => {
  const clip = await loadClip(folder);
  await expectNoLeak(async () => {
    const picture = { data: new Uint8Array(20 * 30 * 3).fill(90), width: 20, height: 30 };
    const pictures = await clip.embedPictures(Array.from({ length: 300 }, () => picture));
    assert.deepEqual(pictures.shape, [300, config.projection_dim]);
    const norms = tf.tidy(() => pictures.square().sum(1).dataSync());
    assert.ok(norms.every((norm) => Math.abs(norm - 1) < 1e-5));
    pictures.dispose();
  });
});

test("a missing, a superfluous and a misshapen parameter are each named", async () => {
  const path = join(folder, "broken.safetensors");
  const { tensors } = await readSafetensors(join(FIXTURE, "model.safetensors"));
  const write = async (change: (map: typeof tensors) => void) => {
    const copy = new Map(tensors);
    change(copy);
    await writeSafetensors(path, copy);
  };
  await write((map) => map.delete("text_projection.weight"));
  await assert.rejects(
    readClipParameters(path, config),
    /expected a tensor "text_projection.weight" \[16,24\], got none/,
  );
  await write((map) => map.set("extra", { dtype: "F32", shape: [1], data: new Float32Array(1) }));
  await assert.rejects(readClipParameters(path, config), /expected no tensor "extra"/);
  await write((map) => map.set("logit_scale", { dtype: "F32", shape: [1], data: new Float32Array(1) }));
  await assert.rejects(readClipParameters(path, config), /expected "logit_scale" \[\], got \[1\]/);
});
