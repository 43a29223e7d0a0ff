/** A CLIP in memory: parameters, tokenizer and preprocessing together, read from or written to a folder. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readSafetensors, type StoredTensor, writeFileAtomic, writeSafetensors } from "../io";
import { disposeAll, frozen, type NamedTensors, type Tensor, tf, unitRows } from "../tensor";
import { type ClipConfig, parseClipConfig } from "./config";
import { parameterShapes } from "./parameters";
import { normalisePixels, type PreprocessorConfig, type RgbPicture, resizeAndCrop } from "./preprocess";
import { embedTokens } from "./text";
import { ClipTokenizer } from "./tokenizer";
import { embedPatches, toPatches } from "./vision";

/** Texts or pictures are embedded this many at a time, so that memory stays bounded. */
const BLOCK = 256;

export class Clip {
  constructor(
    readonly config: ClipConfig,
    /** By Hugging Face names; see `parameterShapes`. Owned by this object. */
    readonly parameters: NamedTensors,
    readonly tokenizer: ClipTokenizer,
    readonly preprocessor: PreprocessorConfig,
    /** SHA-256 of what the numbers depend on: config, weights and preprocessing; "" for a model that was never saved. */
    readonly hash = "",
  ) {}

  /** Pictures as the model wants them: preprocessed and cut, [B, N, 3·P·P]. The caller owns the result. */
  async patches(pictures: readonly RgbPicture[]): Promise<Tensor> {
    const crops = await Promise.all(pictures.map((picture) => resizeAndCrop(picture, this.preprocessor)));
    return tf.tidy(() =>
      toPatches(normalisePixels(Buffer.concat(crops), this.preprocessor), this.config.vision_config),
    );
  }

  /** Unit-norm picture embeddings [B, P]. The caller owns the result. */
  async embedPictures(pictures: readonly RgbPicture[]): Promise<Tensor> {
    return await inBlocks(pictures, async (block) => {
      const patches = await this.patches(block);
      const unit = tf.tidy(() =>
        unitRows(embedPatches(patches, this.parameters, this.config, { ops: frozen })),
      );
      patches.dispose();
      return unit;
    });
  }

  /** Unit-norm text embeddings [B, P]. The caller owns the result. */
  async embedTexts(texts: readonly string[]): Promise<Tensor> {
    return await inBlocks(texts, async (block) =>
      tf.tidy(() =>
        unitRows(embedTokens(this.tokenizer.batch(block), this.parameters, this.config, { ops: frozen })),
      ),
    );
  }

  dispose(): void {
    disposeAll(this.parameters);
  }
}

/** Models that come with the project, by name. */
const EMBEDDED: Record<string, string> = { "emoji-clip": resolve(__dirname, "../../data/emoji-clip") };

/**
 * Reads a model: the name of an embedded one ("emoji-clip"), or a folder in Hugging Face's layout (config.json,
 * model.safetensors, tokenizer.json, preprocessor_config.json). Throws when a file or parameter is missing, a parameter
 * left over or of another shape. The caller disposes the result.
 */
export async function loadClip(model: string): Promise<Clip> {
  const folder = EMBEDDED[model] ?? model;
  if (!existsSync(join(folder, "config.json"))) {
    const names = Object.keys(EMBEDDED).join(", ");
    throw new Error(`loadClip: expected ${names} or a folder with a config.json, got "${model}"`);
  }
  const files = ["config.json", "preprocessor_config.json", "model.safetensors"].map((name) =>
    join(folder, name),
  );
  const [configPath, preprocessorPath, weights] = files;
  const config = parseClipConfig(await readJson(configPath), configPath);
  const parameters = await readClipParameters(weights, config);
  const tokenizer = new ClipTokenizer(await readJson(join(folder, "tokenizer.json")), config.text_config);
  const preprocessor = (await readJson(preprocessorPath)) as PreprocessorConfig;
  return new Clip(config, parameters, tokenizer, preprocessor, await hashFiles(files));
}

/** What `saveClip` writes; the tokenizer and preprocessor as their JSON. */
export interface ClipFiles {
  config: ClipConfig;
  parameters: NamedTensors;
  tokenizer: object;
  preprocessor: object;
}

/** Writes a folder that `loadClip` and Hugging Face's `CLIPModel.from_pretrained` read; weights in float16. */
export async function saveClip(
  folder: string,
  { config, parameters, tokenizer, preprocessor }: ClipFiles,
): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, shape] of parameterShapes(config)) {
    tensors.set(name, { dtype: "F16", shape, data: (await parameters[name].data()) as Float32Array });
  }
  const root = { architectures: ["CLIPModel"], model_type: "clip", torch_dtype: "float16", ...config };
  await writeSafetensors(join(folder, "model.safetensors"), tensors, { format: "pt" });
  await writeFileAtomic(
    join(folder, "preprocessor_config.json"),
    `${JSON.stringify(preprocessor, null, 2)}\n`,
  );
  await writeFileAtomic(join(folder, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
  await writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(root, null, 2)}\n`);
}

/** The parameters of a model.safetensors, checked against `config` both ways. The caller disposes them. */
export async function readClipParameters(path: string, config: ClipConfig): Promise<NamedTensors> {
  const { tensors } = await readSafetensors(path, (name) => !name.endsWith("position_ids"));
  const shapes = parameterShapes(config);
  for (const name of tensors.keys()) {
    if (!shapes.has(name)) throw new Error(`${path}: expected no tensor "${name}" by the config, got one`);
  }
  for (const [name, shape] of shapes) {
    const stored = tensors.get(name);
    if (!stored) throw new Error(`${path}: expected a tensor "${name}" [${shape}], got none`);
    if (stored.shape.join() !== shape.join()) {
      throw new Error(`${path}: expected "${name}" [${shape}], got [${stored.shape}]`);
    }
    if (!(stored.data instanceof Float32Array)) {
      throw new Error(`${path}: expected "${name}" as F32, F16 or BF16, got ${stored.dtype}`);
    }
  }
  const parameters: NamedTensors = {};
  for (const [name, shape] of shapes)
    parameters[name] = tf.tensor(tensors.get(name)!.data as Float32Array, shape);
  return parameters;
}

async function inBlocks<T>(
  items: readonly T[],
  embed: (block: readonly T[]) => Promise<Tensor>,
): Promise<Tensor> {
  const parts: Tensor[] = [];
  for (let i = 0; i < items.length; i += BLOCK) parts.push(await embed(items.slice(i, i + BLOCK)));
  if (parts.length === 1) return parts[0];
  const all = tf.concat(parts, 0);
  tf.dispose(parts);
  return all;
}

async function hashFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("hex");
}

async function readJson(path: string): Promise<object> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`${path}: expected a JSON file, got ${reason}`);
  }
}
