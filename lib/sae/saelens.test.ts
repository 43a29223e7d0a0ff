import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../io";
import { expectNoLeak, type NamedTensors, Random, type Tensor, tf } from "../tensor";
import { inferenceOf } from "./architectures";
import type { SaeConfig } from "./config";
import { Sae } from "./sae";
import { loadSae, loadSparsity, saveSae } from "./saelens";

const FIXTURES = join(__dirname, "fixtures", "saelens");
/** A Python with SAELens, for the check by SAELens itself. */
const PYTHON = process.env.VITRINE_REFERENCE_PYTHON;
const root = mkdtempSync(join(tmpdir(), "saelens-"));
let serial = 0;
const newFolder = () => join(root, String(serial++));
after(() => rmSync(root, { recursive: true, force: true }));

const [D, F] = [6, 20];
const CONFIGS: SaeConfig[] = [true, false].flatMap((applyBDecToInput) => {
  const linear = { dIn: D, dSae: F, applyBDecToInput };
  return [
    { architecture: "standard", ...linear } as const,
    { architecture: "topk", ...linear, k: 3, rescaleActsByDecoderNorm: applyBDecToInput } as const,
    { architecture: "jumprelu", ...linear } as const,
    { architecture: "gated", ...linear } as const,
  ];
});

function randomSae(config: SaeConfig = CONFIGS[0]): Sae {
  const random = new Random(`sae ${config.architecture}`);
  const weights: NamedTensors = {};
  for (const [name, shape] of Object.entries(inferenceOf(config).shapes(config))) {
    weights[name] = tf.tidy(() => {
      const tensor = random.normalTensor(shape);
      return name === "threshold" ? tensor.abs() : tensor;
    });
  }
  return new Sae(config, weights, { hook_name: "blocks.5", views: 5 });
}

async function expectedOf(folder: string): Promise<(name: string) => StoredTensor> {
  const { tensors } = await readSafetensors(join(folder, "expected.safetensors"));
  return (name) => {
    const stored = tensors.get(name);
    assert.ok(stored, name);
    return stored;
  };
}

function assertClose(got: Tensor, { data, shape }: StoredTensor, where: string): void {
  assert.deepEqual(got.shape, shape);
  const scale = Math.max(...Array.from(data as Float32Array, Math.abs));
  (got.dataSync() as Float32Array).forEach((value, i) => {
    assert.ok(Math.abs(value - Number(data[i])) <= 1e-5 * scale, `${where}[${i}]: ${value} for ${data[i]}`);
  });
}

describe("folders that SAELens saved give SAELens's own numbers", () => {
  for (const name of readdirSync(FIXTURES).sort()) {
    test(name, async () => {
      const folder = join(FIXTURES, name);
      const expected = await expectedOf(folder);
      const sae = await loadSae(folder);
      const { data, shape } = expected("x");
      const x = tf.tensor(data as Float32Array, shape);
      const f = sae.encode(x);
      const xHat = sae.reconstruct(x);
      assertClose(f, expected("features"), "features");
      assertClose(xHat, expected("reconstruction"), "reconstruction");
      tf.dispose([x, f, xHat]);
      sae.dispose();
    });
  }
});

describe("what is saved is loaded to the same bits, with its config, metadata and densities", () => {
  for (const config of CONFIGS) {
    test(`${config.architecture}, bDec ${config.applyBDecToInput ? "" : "not "}taken from the input`, async () => {
      const folder = newFolder();
      const sae = randomSae(config);
      await saveSae(folder, sae, { featureDensity: Float64Array.from({ length: F }, (_, i) => i / F) });
      const loaded = await loadSae(folder);
      assert.deepEqual(loaded.config, sae.config);
      assert.equal(loaded.metadata.hook_name, "blocks.5");
      assert.equal(loaded.metadata.views, 5);
      for (const [name, tensor] of Object.entries(sae.weights)) {
        assert.deepEqual(loaded.weights[name].dataSync(), tensor.dataSync());
      }
      const sparsity = await loadSparsity(folder);
      assert.equal(sparsity?.[0], -10);
      assert.equal(sparsity?.[10], Math.fround(Math.log10(0.5 + 1e-10)));
      sae.dispose();
      loaded.dispose();
    });
  }
  test("in float16 to three digits", async () => {
    const folder = newFolder();
    const sae = randomSae();
    await saveSae(folder, sae, { dtype: "float16" });
    const loaded = await loadSae(folder);
    const expected = sae.weights.WEnc.dataSync();
    const close = loaded.weights.WEnc.dataSync().every((value, i) => Math.abs(value - expected[i]) <= 1e-3);
    assert.ok(close);
    sae.dispose();
    loaded.dispose();
  });
});

const skip = PYTHON ? false : "set VITRINE_REFERENCE_PYTHON to a Python with SAELens";
test("SAELens loads what is saved and computes the same", { skip, timeout: 300_000 }, async () => {
  const folders: string[] = [];
  for (const config of CONFIGS) {
    const folder = newFolder();
    folders.push(folder);
    const sae = randomSae(config);
    await saveSae(folder, sae, { featureDensity: new Float64Array(F).fill(0.25) });
    const x = new Random("x").normalTensor([9, D]);
    const [features, reconstruction] = [sae.encode(x), sae.reconstruct(x)];
    const stored = Object.entries({ x, features, reconstruction }).map(
      ([name, tensor]): [string, StoredTensor] => [
        name,
        { dtype: "F32", shape: tensor.shape, data: tensor.dataSync() as Float32Array },
      ],
    );
    await writeSafetensors(join(folder, "expected.safetensors"), new Map(stored));
    tf.dispose([x, features, reconstruction]);
    sae.dispose();
  }
  const script = join(__dirname, "fixtures", "check_saelens.py");
  const printed = execFileSync(PYTHON as string, [script, ...folders], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.equal(printed.match(/reconstruction: relative error/g)?.length, CONFIGS.length);
});

describe("a folder that cannot be read rightly is refused", () => {
  const standard = join(FIXTURES, "standard");
  const changedCfg = (change: Record<string, unknown>) => (folder: string) => {
    const path = join(folder, "cfg.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
  };
  const changedWeights = (change: (tensors: Map<string, StoredTensor>) => void) => async (folder: string) => {
    const path = join(folder, "sae_weights.safetensors");
    const { tensors } = await readSafetensors(path);
    change(tensors);
    await writeSafetensors(path, tensors);
  };
  const scalar: StoredTensor = { dtype: "F32", shape: [1], data: Float32Array.of(1) };
  const cases: [string, (folder: string) => void | Promise<void>, RegExp][] = [
    [
      "unknown architecture",
      changedCfg({ architecture: "temporal" }),
      /expected architecture standard, .*, got "temporal"/,
    ],
    [
      "unfolded scaling",
      changedCfg({ normalize_activations: "layer_norm" }),
      /expected normalize_activations "none"/,
    ],
    ["another width", changedCfg({ d_in: 11 }), /expected floats W_enc \[11,24\], got F32 \[10,24\]/],
    ["a missing width", changedCfg({ d_sae: null }), /expected a whole d_sae, got null/],
    [
      "a missing weight",
      changedWeights((tensors) => tensors.delete("b_enc")),
      /expected floats b_enc \[24\], got none/,
    ],
    [
      "an unknown weight",
      changedWeights((tensors) => tensors.set("threshold", scalar)),
      /got also threshold/,
    ],
    [
      "pickled weights",
      (folder) => {
        rmSync(join(folder, "sae_weights.safetensors"));
        writeFileSync(join(folder, "sae.pt"), "");
      },
      /got the pickled "sae.pt".*weights_only=True/,
    ],
  ];
  for (const [name, spoil, message] of cases) {
    test(name, async () => {
      const folder = newFolder();
      cpSync(standard, folder, { recursive: true });
      await spoil(folder);
      await assert.rejects(loadSae(folder), message);
    });
  }
  test("a pickled file by its own path", async () => {
    const path = join(newFolder(), "..", "model.pt");
    writeFileSync(path, "");
    await assert.rejects(loadSae(path), /got the pickled/);
  });
});

test("an SAE refuses weights that do not fit and inputs of another width", () => {
  const sae = randomSae();
  const { bDec, ...rest } = sae.weights;
  assert.throws(() => new Sae(sae.config, rest), /expected bDec \[6\], got none/);
  assert.throws(() => new Sae(sae.config, { ...sae.weights, threshold: bDec }), /got also threshold/);
  const x = tf.zeros([2, 7]);
  assert.throws(() => sae.encode(x), /Sae.encode: expected \[B, 6\], got \[2,7\]/);
  x.dispose();
  sae.dispose();
});

test("no tensor is left behind by saving, loading and using", async () => {
  await expectNoLeak(async () => {
    const folder = newFolder();
    const saved = randomSae();
    await saveSae(folder, saved);
    const loaded = await loadSae(folder);
    const x = tf.zeros([2, 6]);
    loaded.reconstruct(x).dispose();
    x.dispose();
    saved.dispose();
    loaded.dispose();
  });
});
