/** SAELens 6.x folders: cfg.json, sae_weights.safetensors, sparsity.safetensors, read and written. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type PullOptions,
  readSafetensors,
  type StoredTensor,
  writeFileAtomic,
  writeSafetensors,
} from "../io";
import { type NamedTensors, tf } from "../tensor";
import { inferenceOf } from "./architectures";
import type { SaeConfig } from "./config";
import { locateSae } from "./locate";
import { refusePickled } from "./pickled";
import { Sae, type SaeMetadata } from "./sae";
import { readSaelensConfig, saelensConfig } from "./saelens-config";

/** Our names of weights and SAELens's. */
export const SAELENS_NAMES: Readonly<Record<string, string>> = {
  WEnc: "W_enc",
  bEnc: "b_enc",
  WDec: "W_dec",
  bDec: "b_dec",
  threshold: "threshold",
  bGate: "b_gate",
  bMag: "b_mag",
  rMag: "r_mag",
};

/** Added to a frequency before its logarithm, so that a dead feature has -10 (SAELens). */
const SPARSITY_FLOOR = 1e-10;

export interface SaveSaeOptions {
  /** Share of rows on which each feature fires [F], as an evaluation measured it. */
  featureDensity?: Float32Array | Float64Array;
  /** How weights are stored. "float16" halves the file and keeps three digits. Default "float32". */
  dtype?: "float32" | "float16";
}

/** Writes `sae`, which stays the caller's, as a SAELens folder. cfg.json comes last: with it the folder is whole. */
export async function saveSae(dir: string, sae: Sae, options: SaveSaeOptions = {}): Promise<void> {
  const { featureDensity, dtype = "float32" } = options;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of Object.entries(sae.weights)) {
    const data = (await tensor.data()) as Float32Array;
    const stored = dtype === "float16" ? "F16" : "F32";
    tensors.set(SAELENS_NAMES[name], { dtype: stored, shape: tensor.shape, data });
  }
  await writeSafetensors(join(dir, "sae_weights.safetensors"), tensors);
  if (featureDensity) await saveSparsity(dir, featureDensity);
  const cfg = saelensConfig(sae.config, sae.metadata, dtype);
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
 * Loads a SAELens 6.x folder, a finished SAE or a training checkpoint: "emoji-sae", a path, or "org/name/folder" of the
 * Hugging Face hub. The caller owns the SAE. Throws on pickled files, on weights that are missing, unknown or of another
 * shape, and on settings that would change the numbers without our knowing how.
 */
export async function loadSae(where: string, options: PullOptions = {}): Promise<Sae> {
  const { dir, config, checkpoint, metadata } = await readSettings(where, options);
  const path = join(dir, "sae_weights.safetensors");
  const { tensors } = await readSafetensors(path);
  if (checkpoint) foldCheckpoint(tensors, checkpoint.rescale, path);
  const names = Object.fromEntries(Object.entries(SAELENS_NAMES).map(([ours, theirs]) => [theirs, ours]));
  const weights = weightsOf(config, tensors, names, path);
  return new Sae(config, weights, metadata);
}

/** What the `cfg.json` of an SAE says, without its weights being read; `where` and errors as in `loadSae`. */
export async function readSaeSettings(
  where: string,
  options: PullOptions = {},
): Promise<{ config: SaeConfig; metadata: SaeMetadata }> {
  const { config, metadata } = await readSettings(where, options);
  return { config, metadata };
}

async function readSettings(where: string, options: PullOptions) {
  const dir = await locateSae(where, options);
  refusePickled(dir, ["cfg.json", "sae_weights.safetensors"]);
  const path = join(dir, "cfg.json");
  const cfg = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  const metadata = (cfg.metadata ?? {}) as SaeMetadata;
  return { dir, metadata, ...readSaelensConfig(cfg, path) };
}

/**
 * The weights of a file by our names. `names`: the file's names → ours. Throws when one is missing, unknown or of
 * another shape. The caller owns the result.
 */
export function weightsOf(
  config: SaeConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
  names: Readonly<Record<string, string>>,
  path: string,
): NamedTensors {
  const shapes = inferenceOf(config).shapes(config);
  const theirs = (name: string) => Object.keys(names).find((key) => names[key] === name) ?? name;
  const expected = Object.keys(shapes).map(theirs);
  const extra = [...tensors.keys()].filter((name) => !expected.includes(name));
  if (extra.length > 0)
    throw new Error(`${path}: expected ${expected.join(", ")}, got also ${extra.join(", ")}`);
  for (const [name, shape] of Object.entries(shapes)) {
    const stored = tensors.get(theirs(name));
    if (stored?.shape.join() !== shape.join() || !(stored?.data instanceof Float32Array)) {
      const got = stored ? `${stored.dtype} [${stored.shape}]` : "none";
      throw new Error(`${path}: expected floats ${theirs(name)} [${shape}], got ${got}`);
    }
  }
  const weights: NamedTensors = {};
  for (const [name, shape] of Object.entries(shapes)) {
    weights[name] = tf.tensor(tensors.get(theirs(name))?.data as Float32Array, shape);
  }
  return weights;
}

/**
 * What SAELens does when it saves a BatchTopK or Matryoshka SAE for use: the scalar topk_threshold becomes everyone's
 * threshold, and with `rescale` the decoder's norms go into the encoder.
 */
function foldCheckpoint(tensors: Map<string, StoredTensor>, rescale: boolean, path: string): void {
  const scalar = tensors.get("topk_threshold");
  const bias = tensors.get("b_enc");
  const [encoder, decoder] = [tensors.get("W_enc"), tensors.get("W_dec")];
  if (!scalar || !bias || !encoder || !decoder) {
    throw new Error(`${path}: expected W_enc, b_enc, W_dec and topk_threshold of a training checkpoint`);
  }
  const [F, D] = decoder.shape;
  tensors.delete("topk_threshold");
  const data = new Float32Array(F).fill(Number(scalar.data[0]));
  tensors.set("threshold", { dtype: "F32", shape: [F], data });
  if (!rescale) return;
  for (let feature = 0; feature < F; feature++) {
    let squares = 0;
    for (let d = 0; d < D; d++) squares += Number(decoder.data[feature * D + d]) ** 2;
    const norm = Math.max(1e-8, Math.sqrt(squares));
    (bias.data as Float32Array)[feature] *= norm;
    for (let d = 0; d < D; d++) {
      (decoder.data as Float32Array)[feature * D + d] /= norm;
      (encoder.data as Float32Array)[d * F + feature] *= norm;
    }
  }
}
