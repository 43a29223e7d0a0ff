/** A CLIP in memory: parameters, tokenizer and preprocessing together, read from or written to a folder. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  fileSha256,
  fitPicture,
  fittedSize,
  type PullOptions,
  type RgbPicture,
  type StoredTensor,
  writeFileAtomic,
  writeSafetensors,
} from "../io";
import { frozen, type NamedTensors, type Tensor, tf, unitRows } from "../tensor";
import { type ClipConfig, parseClipConfig } from "./config";
import { findModel, type ModelFiles } from "./model-files";
import { parameterShapes } from "./parameters";
import { normalisePatches, type PreprocessorConfig, parsePreprocessor } from "./preprocess";
import { embedTokens } from "./text";
import { ClipTokenizer } from "./tokenizer";
import { embedPatches } from "./vision";
import { readClipParameters } from "./weights";
import { disposeParameters } from "./whole-blocks";

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
    const crops = pictures.map((picture) => fitPicture(picture, this.preprocessor));
    return normalisePatches(Buffer.concat(crops), this.preprocessor, this.config.vision_config);
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
    disposeParameters(this.parameters);
  }
}

/**
 * Reads a model: the name of an embedded one ("emoji-clip"), a folder in Hugging Face's layout (config.json, model.safetensors or its shards with
 * their index, tokenizer.json or vocab.json and merges.txt, preprocessor_config.json), or a model of the hub ("openai/clip-vit-large-patch14"), found
 * in the Hugging Face cache or fetched into it. Throws when a file or parameter is missing, a parameter left over or of another shape. The caller
 * disposes the result.
 */
export async function loadClip(model: string, options: PullOptions = {}): Promise<Clip> {
  const { folder, files } = await findModel(model, options);
  const path = (name: string) => join(folder, name);
  const config = parseClipConfig(await readJson(path(files.config)), path(files.config));
  const preprocessor = parsePreprocessor(await readJson(path(files.preprocessor)), path(files.preprocessor));
  checkPictureSize(config, preprocessor, path(files.preprocessor));
  const tokenizer = await ClipTokenizer.open(files.tokenizer.map(path), config.text_config);
  const parameters = await readClipParameters(path(files.weights), config);
  return new Clip(config, parameters, tokenizer, preprocessor, await hashModel(folder, files));
}

function checkPictureSize(config: ClipConfig, preprocessor: PreprocessorConfig, where: string): void {
  const { image_size } = config.vision_config;
  const { height, width } = fittedSize(preprocessor);
  if (height !== image_size || width !== image_size) {
    throw new Error(
      `${where}: expected pictures of ${image_size} x ${image_size} by the model's config, got ${width} x ${height}`,
    );
  }
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

/** SHA-256 over the names and checksums of all files that the numbers depend on, the tokenizer's apart: it has a hash of its own. */
async function hashModel(folder: string, { config, preprocessor, shards }: ModelFiles): Promise<string> {
  const hash = createHash("sha256");
  for (const name of [config, preprocessor, ...shards])
    hash.update(`${name} ${await fileSha256(join(folder, name))}\n`);
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
