/** Pictures in tar shards as webdataset writes them: members of one name up to its first dot are one sample. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder, writeFileAtomic } from "../io";
import { labelColumn, StoredDataset, type StoredOptions } from "./stored-dataset";
import { TarReader } from "./tar";

const PICTURE = /^(jpe?g|png|webp|avif|gif|tiff?)$/i;
/** Names of the classes that .cls files number, a line each, where it lies beside the shards. */
const CLASSES = "classes.txt";

/** What is known of a shard's samples: columns, so that millions of them stay small. */
interface ShardIndex {
  keys: string[];
  offsets: number[];
  lengths: number[];
  captions: string[];
  /** Null where the sample has none. */
  classes: (string | null)[];
  /** Samples without a picture. */
  without: number;
}

export interface WebdatasetOptions extends StoredOptions {
  /** Folder of remembered indices. Default `.vitrine/datasets` in the project. */
  indexFolder?: string;
}

/**
 * Samples of the shards, in their order: a picture (.jpg, .png, .webp …), its caption (.txt, or "caption" of .json) and its class (.cls, or "label" of .json;
 * classes.txt beside the shards names the numbers). Each shard's index is made once and remembered for as long as the shard stays the same.
 */
export async function openWebdataset(
  paths: readonly string[],
  options: WebdatasetOptions = {},
): Promise<StoredDataset> {
  const indices: ShardIndex[] = [];
  const prints: string[] = [];
  for (const path of paths) {
    const { size, mtimeMs } = statSync(path);
    prints.push(`${basename(path)} ${size} ${mtimeMs}`);
    indices.push(
      await shardIndex(path, `${size} ${mtimeMs}`, options.indexFolder ?? cacheFolder("datasets")),
    );
  }
  const starts = [0];
  for (const { keys } of indices) starts.push(starts[starts.length - 1] + keys.length);
  const size = starts[starts.length - 1];
  if (size === 0) throw new Error(`openDataset: expected samples with pictures in ${paths[0]} …, got none`);
  const place = (i: number) => {
    let shard = indices.length - 1;
    while (starts[shard] > i) shard--;
    return { shard, at: i - starts[shard] };
  };
  const classes = indices.flatMap((index) => index.classes);
  const named = namesOf(dirname(paths[0]));
  const column = labelColumn(
    classes.map((value) => (value !== null && named ? (named[Number(value)] ?? value) : value)),
    named ?? sortedNumbers(classes),
  );
  return new StoredDataset(
    {
      name: basename(dirname(paths[0])) || "webdataset",
      size,
      fingerprint: [...prints, ...column.names].join("\n"),
      id: (i) => {
        const { shard, at } = place(i);
        return `${basename(paths[shard])}/${indices[shard].keys[at]}`;
      },
      caption: (i) => {
        const { shard, at } = place(i);
        return indices[shard].captions[at];
      },
      labels: { class: column },
      source: (i) => {
        const { shard, at } = place(i);
        return { path: paths[shard], offset: indices[shard].offsets[at], length: indices[shard].lengths[at] };
      },
      blocks: indices.map(({ keys }, shard) => ({ first: starts[shard], count: keys.length })),
    },
    options,
  );
}

async function shardIndex(path: string, state: string, folder: string): Promise<ShardIndex> {
  const key = createHash("sha256").update(`1 ${path} ${state}`).digest("hex");
  const note = join(folder, `${key}.json`);
  if (statSync(note, { throwIfNoEntry: false })) return JSON.parse(readFileSync(note, "utf8")) as ShardIndex;
  const index = readIndex(path);
  await writeFileAtomic(note, JSON.stringify(index));
  return index;
}

function readIndex(path: string): ShardIndex {
  const index: ShardIndex = { keys: [], offsets: [], lengths: [], captions: [], classes: [], without: 0 };
  const tar = new TarReader(path);
  let sample = emptySample("");
  const finish = () => {
    if (sample.picture) {
      index.keys.push(sample.key);
      index.offsets.push(sample.picture.offset);
      index.lengths.push(sample.picture.length);
      index.captions.push(sample.caption ?? "");
      index.classes.push(sample.class ?? null);
    } else if (sample.key !== "") index.without++;
  };
  try {
    for (const { name, offset, length } of tar.members()) {
      const slash = name.lastIndexOf("/") + 1;
      const dot = name.indexOf(".", slash);
      if (dot <= slash) continue; // no extension, or a hidden file
      const [key, extension] = [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
      if (key !== sample.key) {
        finish();
        sample = emptySample(key);
      }
      const content = () => Buffer.from(tar.read(offset, length)).toString("utf8").trim();
      if (PICTURE.test(extension)) sample.picture ??= { offset, length };
      else if (extension === "txt") sample.caption = content();
      else if (extension === "cls") sample.class = content();
      else if (extension === "json") {
        const { caption, label } = parseJson(content(), `${path}: ${name}`);
        if (typeof caption === "string") sample.caption ??= caption;
        if (typeof label === "string" || typeof label === "number") sample.class ??= String(label);
      }
    }
  } finally {
    tar.close();
  }
  finish();
  return index;
}

interface Sample {
  key: string;
  picture?: { offset: number; length: number };
  caption?: string;
  class?: string;
}

function emptySample(key: string): Sample {
  return { key };
}

function parseJson(text: string, where: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Error(`${where}: expected JSON, got "${text.slice(0, 40)}"`);
  }
}

function namesOf(folder: string): string[] | undefined {
  const path = join(folder, CLASSES);
  if (!statSync(path, { throwIfNoEntry: false })) return undefined;
  return readFileSync(path, "utf8").trimEnd().split(/\r?\n/);
}

/** The classes that occur, numbers by their value. */
function sortedNumbers(classes: readonly (string | null)[]): string[] {
  const all = [...new Set(classes.filter((name): name is string => name !== null))];
  return all.every((name) => /^\d+$/.test(name)) ? all.sort((a, b) => Number(a) - Number(b)) : all.sort();
}
