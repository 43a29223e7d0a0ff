/** A folder of pictures, a folder a class: ImageNet's layout, with or without folders for its splits. */
import { readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { labelColumn, StoredDataset, type StoredOptions } from "./stored-dataset";

export interface ImageFolderOptions extends StoredOptions {
  /** Which of the splits, where the folder has some (train, val, validation, test). Default: train, or the only one. */
  split?: string;
}

const PICTURE = /\.(jpe?g|png|webp|avif|gif|tiff?|svg|bmp)$/i;
const SPLITS = ["train", "val", "validation", "test"];
const SYNSET = /^n\d{8}$/;
/** ImageNet's own list of synsets and names, where it lies beside the pictures. */
const MAPPING = "LOC_synset_mapping.txt";

/**
 * Pictures of `folder/CLASS/…` or `folder/SPLIT/CLASS/…`, or of the folder itself, which then have no class; sorted by name. Class names are the folders';
 * those of ImageNet's synsets come from LOC_synset_mapping.txt in the folder or above it, else from the list that is here. Throws when there is no picture.
 */
export async function openImageFolder(
  folder: string,
  options: ImageFolderOptions = {},
): Promise<StoredDataset> {
  const root = await chooseSplit(folder, options.split);
  const files: string[] = [];
  const entries = (await readdir(root, { withFileTypes: true })).sort(byName);
  for (const entry of entries) {
    if (isDirectory(root, entry)) {
      const inside = await readdir(join(root, entry.name), { recursive: true });
      files.push(...inside.filter(isPicture).map((file) => `${entry.name}/${file}`));
    } else if (isPicture(entry.name)) files.push(entry.name);
  }
  if (files.length === 0)
    throw new Error(
      `openDataset: expected pictures in ${root} or its folders, got none (do: check the path)`,
    );
  files.sort();
  const folders = files.map((file) => (file.includes("/") ? file.slice(0, file.indexOf("/")) : null));
  const synset = labelColumn(folders);
  const nameOf = classNames(synset.names, [root, dirname(root), folder]);
  const names = synset.names.map((name) => nameOf.get(name) ?? name);
  const prints = files.map((file) => {
    const { size, mtimeMs } = statSync(join(root, file));
    return `${file} ${size} ${mtimeMs}`;
  });
  return new StoredDataset(
    {
      name: basename(folder),
      size: files.length,
      fingerprint: [...prints, ...names].join("\n"),
      id: (i) => files[i],
      caption: (i) => (synset.index[i] < 0 ? "" : names[synset.index[i]]),
      labels: { class: { names, index: synset.index }, folder: synset },
      source: (i) => ({ path: join(root, files[i]) }),
    },
    options,
  );
}

async function chooseSplit(folder: string, split?: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = SPLITS.filter((name) =>
    entries.some((entry) => entry.name === name && isDirectory(folder, entry)),
  );
  const chosen = split ?? found[0];
  if (chosen === undefined) return folder;
  if (!found.includes(chosen)) {
    const which = found.length > 0 ? `one of the splits ${found.join(", ")}` : "no split";
    throw new Error(`openDataset: expected ${which} of ${folder}, got "${chosen}"`);
  }
  return join(folder, chosen);
}

/** Names of folders that are synsets. Two classes with one name keep all of WordNet's words, and their synset if that does not tell them apart. */
function classNames(folders: readonly string[], places: readonly string[]): Map<string, string> {
  if (!folders.every((name) => SYNSET.test(name))) return new Map();
  for (const place of places) {
    const path = join(place, MAPPING);
    const text = statSync(path, { throwIfNoEntry: false }) ? readFileSync(path, "utf8") : undefined;
    if (text === undefined) continue;
    const all = new Map(text.split(/\r?\n/).map((line) => [line.slice(0, 9), line.slice(10).trim()]));
    const first = folders.map((name) => all.get(name)?.split(",")[0]);
    return new Map(
      folders.map((name, i) => {
        const shared = first.indexOf(first[i]) !== first.lastIndexOf(first[i]);
        return [name, (shared ? `${all.get(name)} (${name})` : first[i]) ?? name];
      }),
    );
  }
  return imagenetNames();
}

/** Synset -> short name of ImageNet-1k's thousand classes. */
export function imagenetNames(): Map<string, string> {
  const lines = readFileSync(join(__dirname, "imagenet-synsets.tsv"), "utf8").trimEnd().split("\n");
  return new Map(
    lines.map((line) => line.split("\t") as [string, string, string]).map(([id, name]) => [id, name]),
  );
}

function isPicture(file: string): boolean {
  return PICTURE.test(file) && !basename(file).startsWith(".");
}

function isDirectory(
  folder: string,
  entry: { name: string; isDirectory(): boolean; isSymbolicLink(): boolean },
) {
  if (entry.isSymbolicLink())
    return statSync(join(folder, entry.name), { throwIfNoEntry: false })?.isDirectory();
  return entry.isDirectory();
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
