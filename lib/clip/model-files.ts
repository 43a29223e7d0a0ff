/** Where a model's files are: one that comes with the project, a folder, or the Hugging Face hub through its cache. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { findCached, hubSettings, isHubId, type PullOptions, pullFromHub } from "../io";

/** Models that come with the project, by name. */
const EMBEDDED: Record<string, string> = { "emoji-clip": resolve(__dirname, "../../data/emoji-clip") };

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const SHARD = /^model-\d+-of-\d+\.safetensors$/;
/** Not needed here, but Python's transformers looks for them. */
const FOR_PYTHON = ["tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"];

/** The files of a folder or repository by what they are for. */
export interface ModelFiles {
  config: string;
  /** One file, or the index of several. */
  weights: string;
  /** All files with weights. */
  shards: string[];
  preprocessor: string;
  /** tokenizer.json, or vocab.json and merges.txt. */
  tokenizer: string[];
}

/** Of file names those that make a CLIP. `where` is for errors. Throws, saying what is missing and why pickles are not read. */
export function chooseModelFiles(files: readonly string[], where: string): ModelFiles {
  const has = (name: string) => files.includes(name);
  const missing = (what: string) => new Error(`${where}: expected ${what}, got none`);
  if (!has("config.json")) throw missing("a config.json");
  const shards = has(SINGLE) ? [SINGLE] : has(INDEX) ? files.filter((name) => SHARD.test(name)) : [];
  if (shards.length === 0) {
    const pickle = files.find((name) => /^pytorch_model.*\.bin/.test(name));
    throw pickle ? pickleError(where, pickle) : missing(`a ${SINGLE} or an index of several`);
  }
  const preprocessor = ["preprocessor_config.json", "processor_config.json"].find(has);
  if (!preprocessor) throw missing("a preprocessor_config.json or a processor_config.json");
  const tokenizer = has("tokenizer.json") ? ["tokenizer.json"] : ["vocab.json", "merges.txt"];
  if (!tokenizer.every(has)) throw missing("a tokenizer.json, or vocab.json and merges.txt,");
  return { config: "config.json", weights: has(SINGLE) ? SINGLE : INDEX, shards, preprocessor, tokenizer };
}

function pickleError(where: string, pickle: string): Error {
  const convert =
    `python -c "from transformers import CLIPModel, CLIPProcessor; m = '${where}'; ` +
    `CLIPModel.from_pretrained(m).save_pretrained('my-clip'); CLIPProcessor.from_pretrained(m).save_pretrained('my-clip')"`;
  return new Error(
    `${where}: expected ${SINGLE}, got ${pickle} alone, a pickle, which can run any program when it is read ` +
      `(do: ${convert} where you trust it, then load the folder my-clip; or name a revision that has one, often refs/pr/N)`,
  );
}

/** Names of files to fetch for a CLIP. */
export function filesToPull(files: readonly string[], where: string): string[] {
  const { config, weights, shards, preprocessor, tokenizer } = chooseModelFiles(files, where);
  const extra = [...FOR_PYTHON, "preprocessor_config.json", "processor_config.json"];
  const wanted = [
    config,
    preprocessor,
    ...tokenizer,
    ...extra.filter((name) => files.includes(name)),
    weights,
    ...shards,
  ];
  return [...new Set(wanted)];
}

/**
 * The folder of a model: the name of an embedded one ("emoji-clip"), a folder, or a model on the Hugging Face hub ("openai/clip-vit-large-patch14"),
 * which is taken out of the cache without asking the network when it is whole there, and else fetched. Throws one error that says what to do.
 */
export async function findModel(
  model: string,
  options: PullOptions = {},
): Promise<{ folder: string; files: ModelFiles }> {
  const folder = EMBEDDED[model] ?? (isFolder(model) ? model : await fromHub(model, options));
  const files = chooseModelFiles(await readdir(folder), folder);
  return { folder, files };
}

async function fromHub(model: string, options: PullOptions): Promise<string> {
  if (!isHubId(model)) {
    const names = Object.keys(EMBEDDED).join(", ");
    throw new Error(
      `loadClip: expected ${names}, a folder, or a model of the hub as org/name, got "${model}"`,
    );
  }
  const settings = options.settings ?? hubSettings();
  const revision = options.revision ?? "main";
  const choose = (files: readonly string[]) => filesToPull(files, model);
  const cached = findCached(model, choose, { ...options, settings });
  if (cached && shardsAreThere(cached)) return cached;
  if (settings.offline) {
    const at = revision === "main" ? "" : ` --revision ${revision}`;
    throw new Error(
      `loadClip: expected ${model}, revision ${revision}, in ${settings.cache}, got none, and HF_HUB_OFFLINE is set ` +
        `(do: run npx vitrine pull ${model}${at} with it unset, or copy the model's folder there)`,
    );
  }
  return await pullFromHub(model, choose, { ...options, settings });
}

/** Whether all files that an index names are there; true without an index. */
function shardsAreThere(folder: string): boolean {
  const index = join(folder, INDEX);
  if (existsSync(join(folder, SINGLE)) || !existsSync(index)) return true;
  const { weight_map = {} } = JSON.parse(readFileSync(index, "utf8")) as {
    weight_map?: Record<string, string>;
  };
  return Object.values(weight_map).every((name) => existsSync(join(folder, name)));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
