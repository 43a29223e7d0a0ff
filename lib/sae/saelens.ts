/** SAELens 6.x folders: cfg.json, sae_weights.safetensors, sparsity.safetensors, read and written. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors, type StoredTensor, writeFileAtomic, writeSafetensors } from "../io";
import { type NamedTensors, tf } from "../tensor";
import { inferenceOf } from "./architectures";
import type { SaeConfig } from "./config";
import { Sae, type SaeMetadata } from "./sae";

/** Our names of weights and SAELens's. */
const NAMES: Record<string, string> = { WEnc: "W_enc", bEnc: "b_enc", WDec: "W_dec", bDec: "b_dec" };

/** SAELens's loader takes an old path below 6.0.0. */
const SAE_LENS_VERSION = "6.54.0";

/** Added to a frequency before its logarithm, so that a dead feature has -10 (SAELens). */
const SPARSITY_FLOOR = 1e-10;

export interface SaveSaeOptions {
  /** Share of rows on which each feature fires [F], as an evaluation measured it. */
  featureDensity?: Float32Array | Float64Array;
}

/** Writes `sae`, which stays the caller's, as a SAELens folder. cfg.json comes last: with it the folder is whole. */
export async function saveSae(dir: string, sae: Sae, { featureDensity }: SaveSaeOptions = {}): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of Object.entries(sae.weights)) {
    tensors.set(NAMES[name], {
      dtype: "F32",
      shape: tensor.shape,
      data: (await tensor.data()) as Float32Array,
    });
  }
  await writeSafetensors(join(dir, "sae_weights.safetensors"), tensors);
  if (featureDensity) await saveSparsity(dir, featureDensity);
  const { architecture, dIn, dSae, applyBDecToInput } = sae.config;
  const cfg = {
    d_in: dIn,
    d_sae: dSae,
    dtype: "float32",
    device: "cpu",
    apply_b_dec_to_input: applyBDecToInput,
    normalize_activations: "none",
    reshape_activations: "none",
    architecture,
    metadata: {
      sae_lens_version: SAE_LENS_VERSION,
      sae_lens_training_version: null,
      dataset_path: null,
      hook_name: null,
      model_name: null,
      model_class_name: null,
      hook_head_index: null,
      context_size: null,
      seqpos_slice: [null],
      prepend_bos: false,
      trained_with: "vitrine",
      ...sae.metadata,
    },
  };
  await writeFileAtomic(join(dir, "cfg.json"), `${JSON.stringify(cfg, null, 2)}\n`);
}

/** Writes sparsity.safetensors: log10 of the share of rows on which each feature fires [F], at least -10. */
export async function saveSparsity(dir: string, featureDensity: ArrayLike<number>): Promise<void> {
  const data = Float32Array.from(featureDensity, (share) => Math.log10(share + SPARSITY_FLOOR));
  const sparsity: StoredTensor = { dtype: "F32", shape: [data.length], data };
  await writeSafetensors(join(dir, "sparsity.safetensors"), new Map([["sparsity", sparsity]]));
}

/** log10 firing shares [F] of a SAELens folder, or undefined where there are none. */
export async function loadSparsity(dir: string): Promise<Float32Array | undefined> {
  const path = join(dir, "sparsity.safetensors");
  if (!existsSync(path)) return undefined;
  const { tensors } = await readSafetensors(path);
  const sparsity = tensors.get("sparsity");
  if (!(sparsity?.data instanceof Float32Array)) {
    throw new Error(
      `${path}: expected floats "sparsity", got ${[...tensors.keys()].join(", ") || "nothing"}`,
    );
  }
  return sparsity.data;
}

/**
 * Loads a SAELens 6.x folder; the caller owns the SAE. Throws on pickled files, on weights that are missing, unknown
 * or of another shape, and on settings that would change the numbers without our knowing how.
 */
export async function loadSae(dir: string): Promise<Sae> {
  refusePickled(dir);
  const cfgPath = join(dir, "cfg.json");
  const cfg = JSON.parse(await readFile(cfgPath, "utf8")) as Record<string, unknown>;
  const config = readConfig(cfg, cfgPath);
  const shapes = inferenceOf(config).shapes(config);
  const path = join(dir, "sae_weights.safetensors");
  const { tensors } = await readSafetensors(path);
  const expected = Object.keys(shapes).map((name) => NAMES[name]);
  const extra = [...tensors.keys()].filter((name) => !expected.includes(name));
  if (extra.length > 0)
    throw new Error(`${path}: expected ${expected.join(", ")}, got also ${extra.join(", ")}`);
  for (const [name, shape] of Object.entries(shapes)) {
    const stored = tensors.get(NAMES[name]);
    if (stored?.shape.join() !== shape.join() || !(stored?.data instanceof Float32Array)) {
      const got = stored ? `${stored.dtype} [${stored.shape}]` : "none";
      throw new Error(`${path}: expected floats ${NAMES[name]} [${shape}], got ${got}`);
    }
  }
  const weights: NamedTensors = {};
  for (const [name, shape] of Object.entries(shapes)) {
    weights[name] = tf.tensor(tensors.get(NAMES[name])?.data as Float32Array, shape);
  }
  return new Sae(config, weights, (cfg.metadata ?? {}) as SaeMetadata);
}

function readConfig(cfg: Record<string, unknown>, path: string): SaeConfig {
  inferenceOf({ architecture: String(cfg.architecture) });
  for (const key of ["d_in", "d_sae"]) {
    if (!Number.isInteger(cfg[key])) throw new Error(`${path}: expected a whole ${key}, got ${cfg[key]}`);
  }
  for (const key of ["normalize_activations", "reshape_activations"]) {
    if ((cfg[key] ?? "none") !== "none") {
      throw new Error(
        `${path}: expected ${key} "none", got "${cfg[key]}" (do: fold it into the weights first)`,
      );
    }
  }
  return {
    architecture: cfg.architecture as SaeConfig["architecture"],
    dIn: cfg.d_in as number,
    dSae: cfg.d_sae as number,
    applyBDecToInput: (cfg.apply_b_dec_to_input ?? true) as boolean,
  };
}

function refusePickled(path: string): void {
  if (!existsSync(path)) throw new Error(`${path}: expected a SAELens folder, got nothing`);
  const isFolder = statSync(path).isDirectory();
  if (isFolder && existsSync(join(path, "cfg.json")) && existsSync(join(path, "sae_weights.safetensors")))
    return;
  const names = isFolder ? readdirSync(path) : [path];
  const pickled = names.find((name) => /\.(pt|pth|pkl|pickle|bin|ckpt)$/.test(name));
  if (pickled) {
    throw new Error(
      `${path}: expected cfg.json and sae_weights.safetensors, got the pickled "${pickled}", which can run any code when read (do: in Python, torch.load(…, weights_only=True), then safetensors.torch.save_file)`,
    );
  }
  throw new Error(
    `${path}: expected cfg.json and sae_weights.safetensors, got ${names.join(", ") || "nothing"}`,
  );
}
