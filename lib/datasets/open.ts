/** Data sets by name or by path: what a notebook's parameter `dataset` may say. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Dataset } from "./dataset";
import { openEmoji } from "./emoji";
import { type ImageFolderOptions, openImageFolder } from "./image-folder";
import { openParquet } from "./parquet";
import { openWebdataset, type WebdatasetOptions } from "./webdataset";

/** Those that do not concern the kind of data set are ignored. */
export type OpenOptions = ImageFolderOptions & WebdatasetOptions;

const DATASETS: Record<string, () => Promise<Dataset>> = { emoji: () => openEmoji() };

/**
 * Opens the data set `name`: one that comes with the project ("emoji"), a folder of pictures in ImageNet's layout, tar shards of webdataset or parquet files
 * with pictures in them: a folder that holds them, a file, or a pattern in a file's name ("train-{000..146}.tar", "train-*.parquet"). Throws, saying what there is, when it
 * is none of them.
 */
export async function openDataset(name: string, options: OpenOptions = {}): Promise<Dataset> {
  const open = DATASETS[name];
  if (open) return await open();
  const files = expandPattern(name) ?? filesOf(name, options.split);
  if (!files) return await openImageFolder(name, options);
  return files[0].endsWith(".tar") ? await openWebdataset(files, options) : await openParquet(files, options);
}

/** The files that a path or a pattern means; undefined when it is a folder. Throws when there is none. */
function expandPattern(pattern: string): string[] | undefined {
  if (isFolder(pattern)) return undefined;
  if (!/\.(tar|parquet)$/.test(pattern))
    throw notFound(pattern, existsSync(pattern) ? "another kind of file" : "none");
  const range = /^(.*)\{(\d+)\.\.(\d+)\}(.*)$/.exec(pattern);
  if (range) {
    const [, before, first, last, after] = range;
    const count = Number(last) - Number(first) + 1;
    const paths = Array.from(
      { length: Math.max(0, count) },
      (_, i) => `${before}${String(Number(first) + i).padStart(first.length, "0")}${after}`,
    );
    const missing = paths.find((path) => !existsSync(path));
    if (missing !== undefined || paths.length === 0)
      throw notFound(pattern, `no ${missing ?? "file in that range"}`);
    return paths;
  }
  if (!basename(pattern).includes("*")) {
    if (!existsSync(pattern)) throw notFound(pattern, "none");
    return [pattern];
  }
  const parts = basename(pattern)
    .split("*")
    .map((part) => part.replace(/[.+?^$()|[\]{}\\]/g, "\\$&"));
  const matches = isFolder(dirname(pattern))
    ? matching(dirname(pattern), new RegExp(`^${parts.join(".*")}$`))
    : [];
  if (matches.length === 0) throw notFound(pattern, "none");
  return matches;
}

/** Shards in a folder, or parquet files in it or its `data`; of those that name a split, the wanted one. */
function filesOf(folder: string, split = "train"): string[] | undefined {
  const tars = matching(folder, /\.tar$/);
  if (tars.length > 0) return tars;
  const parquets = [folder, join(folder, "data")]
    .filter(isFolder)
    .flatMap((at) => matching(at, /\.parquet$/));
  const ofSplit = parquets.filter((path) => basename(path).startsWith(split));
  return ofSplit.length > 0 ? ofSplit : parquets.length > 0 ? parquets : undefined;
}

function matching(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function notFound(name: string, got: string): Error {
  const names = Object.keys(DATASETS).join(", ");
  return new Error(
    `openDataset: expected ${names}, a folder of pictures, or .tar or .parquet files, for "${name}", got ${got} (do: check the path; from here it is ${resolve(name)})`,
  );
}
