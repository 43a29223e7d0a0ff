import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type StoredTensor, writeSafetensors } from "../io";
import { LocalHub } from "../io/hub/local-hub";
import { disposeAll, type NamedTensors, Random, tf } from "../tensor";
import type { SaeConfig } from "./config";
import { Sae } from "./sae";
import { loadSae, loadSparsity } from "./saelens";
import { loadTorchLayout } from "./torch-layout";

const FIXTURE = join(__dirname, "fixtures", "saelens", "topk");
const root = mkdtempSync(join(tmpdir(), "locate-"));
let hub: LocalHub;
before(async () => {
  const file = (name: string, lfs = false) => ({ data: readFileSync(join(FIXTURE, name)), lfs });
  const files = {
    "cfg.json": file("cfg.json"),
    "sae_weights.safetensors": file("sae_weights.safetensors", true),
  };
  const inFolder = Object.fromEntries(
    Object.entries(files).map(([name, entry]) => [`blocks.4/k=4/${name}`, entry]),
  );
  const readme = { "README.md": { data: Buffer.from("SAEs"), lfs: false } };
  hub = await new LocalHub({ "org/release": { ...readme, ...inFolder }, "org/one": files }).start();
});
after(async () => {
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});
const options = (offline = false) => ({
  settings: { endpoint: hub.endpoint, cache: root, offline },
  pause: 1,
});

describe("an SAE of the hub", () => {
  for (const where of ["org/release/blocks.4/k=4", "org/one"]) {
    test(`${where} arrives once, and is found without the network afterwards`, async () => {
      const expected = await loadSae(FIXTURE);
      const sae = await loadSae(where, options());
      const again = await loadSae(where, options(true));
      for (const one of [sae, again]) {
        assert.deepEqual(one.config, expected.config);
        assert.deepEqual(one.weights.WEnc.dataSync(), expected.weights.WEnc.dataSync());
        one.dispose();
      }
      expected.dispose();
    });
  }

  test("a release without the SAE's folder named says what to do", async () => {
    await assert.rejects(
      loadSae("org/release", options()),
      /expected cfg.json and sae_weights.safetensors of a SAELens release, got README.md .*org\/name\/folder/,
    );
  });
});

test("the SAE that comes with the project fits Emoji-CLIP and says how often its features fire", async () => {
  const sae = await loadSae("emoji-sae");
  assert.deepEqual([sae.config.architecture, sae.config.dIn, sae.config.dSae], ["topk", 192, 3072]);
  assert.equal(sae.metadata.hook_name, "blocks.4.hook_resid_post");
  const sparsity = await loadSparsity(join(__dirname, "../../data/emoji-sae"));
  const l0 = sparsity?.reduce((sum, log) => sum + 10 ** log, 0) ?? 0;
  assert.ok(Math.abs(l0 - 32) < 0.1, `firing shares sum to ${l0}`);
  sae.dispose();
});

describe("other projects' weights are renamed and turned to the same numbers", () => {
  const [D, F] = [5, 12];
  const linear = { dIn: D, dSae: F, applyBDecToInput: true };
  const random = () => {
    const draw = new Random("layouts");
    return {
      WEnc: draw.normalTensor([D, F]),
      bEnc: draw.normalTensor([F]),
      WDec: draw.normalTensor([F, D]),
      bDec: draw.normalTensor([D]),
    };
  };
  const stored = (tensor: NamedTensors[string]): StoredTensor => ({
    dtype: "F32",
    shape: tensor.shape,
    data: tensor.dataSync<"float32">(),
  });
  const transposed = (tensor: NamedTensors[string]): StoredTensor => {
    const turned = tf.transpose(tensor);
    const result = stored(turned);
    turned.dispose();
    return result;
  };
  const topk: SaeConfig = { architecture: "topk", ...linear, k: 3, rescaleActsByDecoderNorm: false };
  const standard: SaeConfig = { architecture: "standard", ...linear };
  const cases: [string, SaeConfig, (w: NamedTensors) => Record<string, StoredTensor>][] = [
    [
      "sparsify",
      topk,
      (w) => ({
        "encoder.weight": transposed(w.WEnc),
        "encoder.bias": stored(w.bEnc),
        W_dec: stored(w.WDec),
        b_dec: stored(w.bDec),
      }),
    ],
    [
      "dictionary_learning",
      standard,
      (w) => ({
        "encoder.weight": transposed(w.WEnc),
        "encoder.bias": stored(w.bEnc),
        "decoder.weight": transposed(w.WDec),
        bias: stored(w.bDec),
      }),
    ],
    [
      "dictionary_learning's TopK",
      topk,
      (w) => ({
        "encoder.weight": transposed(w.WEnc),
        "encoder.bias": stored(w.bEnc),
        "decoder.weight": transposed(w.WDec),
        b_dec: stored(w.bDec),
        k: { dtype: "I32", shape: [], data: Int32Array.of(3) },
        threshold: { dtype: "F32", shape: [], data: Float32Array.of(-1) },
      }),
    ],
  ];
  for (const [name, config, layout] of cases) {
    test(name, async () => {
      const weights = random();
      const path = join(root, `${name}.safetensors`);
      await writeSafetensors(path, new Map(Object.entries(layout(weights))));
      const loaded = await loadTorchLayout(path, config);
      const expected = new Sae(config, weights);
      const x = new Random("x").normalTensor([7, D]);
      const [got, wanted] = [loaded.reconstruct(x), expected.reconstruct(x)];
      assert.deepEqual(got.dataSync(), wanted.dataSync());
      disposeAll({ x, got, wanted });
      loaded.dispose();
      expected.dispose();
    });
  }

  test("names that are not known, and pickled files, are refused", async () => {
    const path = join(root, "strange.safetensors");
    const weights = random();
    await writeSafetensors(path, new Map([["gain", stored(weights.bEnc)]]));
    await assert.rejects(loadTorchLayout(path, standard), /each once, got "gain"/);
    await assert.rejects(loadTorchLayout(join(root, "none.safetensors"), standard), /got nothing/);
    disposeAll(weights);
  });
});
