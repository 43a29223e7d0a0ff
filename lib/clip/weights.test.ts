import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type HubSettings,
  readSafetensors,
  type SafetensorsDtype,
  type StoredTensor,
  writeSafetensors,
} from "../io";
import { LocalHub } from "../io/hub/local-hub";
import { disposeAll, expectNoLeak, type NamedTensors } from "../tensor";
import {
  type ClipConfig,
  ClipTokenizer,
  loadClip,
  parseClipConfig,
  preprocessorConfig,
  readClipParameters,
  trainTokenizer,
} from ".";

const FIXTURE = join(__dirname, "fixtures", "tiny");
let folder = "";
let config: ClipConfig;
let tensors: Map<string, StoredTensor>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-weights-"));
  config = parseClipConfig(JSON.parse(readFileSync(join(FIXTURE, "config.json"), "utf8")), "tiny");
  ({ tensors } = await readSafetensors(join(FIXTURE, "model.safetensors")));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Largest relative error of any parameter against the fixture. */
function worst(parameters: NamedTensors): number {
  assert.equal(Object.keys(parameters).length, tensors.size);
  let most = 0;
  for (const [name, { data }] of tensors) {
    const got = parameters[name].dataSync();
    for (let i = 0; i < got.length; i++)
      most = Math.max(most, Math.abs(got[i] - Number(data[i])) / Math.max(Math.abs(Number(data[i])), 1e-3));
  }
  return most;
}

async function writeShards(dtype: SafetensorsDtype, to: string): Promise<string> {
  await mkdir(to, { recursive: true });
  const names = [...tensors.keys()];
  const weight_map: Record<string, string> = {};
  for (let shard = 0; shard < 3; shard++) {
    const file = `model-0000${shard + 1}-of-00003.safetensors`;
    const part = new Map<string, StoredTensor>();
    for (const name of names.filter((_, i) => i % 3 === shard)) {
      part.set(name, { ...(tensors.get(name) as StoredTensor), dtype });
      weight_map[name] = file;
    }
    if (shard === 1) {
      part.set("text_model.embeddings.position_ids", {
        dtype: "I64",
        shape: [1, 2],
        data: BigInt64Array.of(0n, 1n),
      });
      weight_map["text_model.embeddings.position_ids"] = file;
    }
    await writeSafetensors(join(to, file), part);
  }
  const index = join(to, "model.safetensors.index.json");
  await writeFile(index, JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
  return index;
}

test("weights in float32, float16 and bfloat16 over three files are those of one, to the precision of their kind", async () => {
  for (const [dtype, bits] of [
    ["F32", 60],
    ["F16", 10],
    ["BF16", 7],
  ] as const) {
    const index = await writeShards(dtype, join(folder, dtype));
    await expectNoLeak(async () => {
      const parameters = await readClipParameters(index, config);
      const error = worst(parameters);
      assert.ok(error <= 2 ** -bits && (error > 0 || dtype === "F32"), `${dtype} is off by ${error}`);
      disposeAll(parameters);
    });
  }
});

test("an index that does not fit its files is refused", async () => {
  const index = await writeShards("F32", join(folder, "wrong"));
  const json = JSON.parse(readFileSync(index, "utf8"));
  const attempt = async (change: (map: Record<string, string>) => void, message: RegExp) => {
    const weight_map = { ...json.weight_map };
    change(weight_map);
    await writeFile(index, JSON.stringify({ weight_map }));
    await expectNoLeak(async () => await assert.rejects(readClipParameters(index, config), message));
  };
  const moved = "logit_scale";
  const other = Object.values(json.weight_map).find((file) => file !== json.weight_map[moved]) as string;
  await attempt((map) => Object.assign(map, { [moved]: other }), /expected "logit_scale" in .*, got it in/);
  await attempt(
    (map) => Object.assign(map, { more: other }),
    /expected a tensor "more" by .*index\.json, got none/,
  );
  await attempt(
    (map) => Object.assign(map, { more: "../x.safetensors" }),
    /expected "more" in a \.safetensors file beside it/,
  );
});

test("a model of the hub is fetched once, and is the same as in a folder; old tokenizer files and shards will do", async () => {
  const shards = join(folder, "hub");
  await writeShards("F32", shards);
  const json = trainTokenizer(["red", "blue", "a red cat"], 4) as {
    model: { vocab: object; merges: string[] };
  };
  const text = (value: unknown) => ({
    data: Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
    lfs: false,
  });
  const weights = Object.fromEntries(
    [1, 2, 3]
      .map((n) => `model-0000${n}-of-00003.safetensors`)
      .map((name) => [name, { data: readFileSync(join(shards, name)), lfs: true }]),
  );
  const files = {
    "config.json": text({ ...config, text_config: { ...config.text_config, vocab_size: 64 } }),
    "processor_config.json": text({ image_processor: { ...preprocessorConfig(16) } }),
    "vocab.json": text(json.model.vocab),
    "merges.txt": text(`#version: 0.2\n${json.model.merges.join("\n")}\n`),
    "model.safetensors.index.json": text(readFileSync(join(shards, "model.safetensors.index.json"), "utf8")),
    ...weights,
    "README.md": text("not wanted"),
  };
  const { "model.safetensors.index.json": _, ...others } = files;
  const pickle = Object.fromEntries(
    Object.entries(others).filter(([name]) => !name.endsWith(".safetensors")),
  );
  const models = { "org/clip": files, "org/pickle": { ...pickle, "pytorch_model.bin": text("pickle") } };
  const hub = await new LocalHub(models).start();
  const cache = join(folder, "cache");
  const settings: HubSettings = { endpoint: hub.endpoint, cache, offline: false };
  try {
    await assert.rejects(
      loadClip("org/clip", { settings: { ...settings, offline: true } }),
      /loadClip: expected org\/clip, revision main, in .*cache, got none, and HF_HUB_OFFLINE is set \(do: run npx vitrine pull org\/clip /,
    );
    const clip = await loadClip("org/clip", { settings });
    assert.equal(worst(clip.parameters), 0);
    assert.ok(!hub.seen.some(({ path }) => path.includes("README")), "what is not needed is not fetched");
    hub.seen.length = 0;
    const again = await loadClip("org/clip", { settings: { ...settings, offline: true } });
    assert.deepEqual(hub.seen, []);
    assert.deepEqual([again.hash, again.tokenizer.hash], [clip.hash, clip.tokenizer.hash]);
    const { max_position_embeddings, eos_token_id } = config.text_config;
    const whole = new ClipTokenizer(json, { max_position_embeddings, eos_token_id });
    assert.deepEqual(clip.tokenizer.encode("a red blue cat"), whole.encode("a red blue cat"));
    clip.dispose();
    again.dispose();
    await assert.rejects(
      loadClip("org/pickle", { settings }),
      /org\/pickle: expected model\.safetensors, got pytorch_model\.bin alone, a pickle, .*CLIPModel\.from_pretrained/,
    );
  } finally {
    await hub.stop();
  }
  const python = process.env.VITRINE_REFERENCE_PYTHON;
  if (!python) return;
  const script = `
from transformers import CLIPModel
model = CLIPModel.from_pretrained("org/clip")
print(sum(p.double().sum().item() for p in model.parameters()))`;
  const env = { ...process.env, HF_HUB_CACHE: cache, HF_HUB_OFFLINE: "1" };
  const sum = Number(execFileSync(python, ["-c", script], { env, encoding: "utf8" }));
  let expected = 0;
  for (const { data } of tensors.values()) for (const value of data) expected += Number(value);
  assert.ok(
    Math.abs(sum - expected) < 1e-6 * Math.abs(expected) + 1e-6,
    `Python reads ${sum}, not ${expected}`,
  );
});

test("what is neither an embedded model nor a folder nor a name of the hub is refused; a folder says what it lacks", async () => {
  await assert.rejects(
    loadClip("emoji-clop"),
    /loadClip: expected emoji-clip, a folder, or a model of the hub as org\/name, got "emoji-clop"/,
  );
  await assert.rejects(loadClip(folder), /expected a config\.json, got none/);
  await writeFile(join(folder, "config.json"), "{}");
  await assert.rejects(loadClip(folder), /expected a model\.safetensors or an index of several, got none/);
});
