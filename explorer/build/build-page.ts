/** Writes a page's folder: the front end, the data files and the sprites. README.md describes them. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { Dataset, LabelColumn } from "../../lib/datasets";
import { encodeSheet, type RgbPicture, writeFileAtomic } from "../../lib/io";
import { readPageRecord } from "../format/page-files";
import {
  CHUNK_COLUMNS,
  type Column,
  type FeatureChunk,
  FORMAT_VERSION,
  type Manifest,
  type PictureColumns,
  packRecord,
  pictureColumns,
  unpackRecord,
} from "../format/page-format";
import { APPEARANCE_CHUNK, type Game } from "../format/picture-format";
import { appearancesOf } from "./appearances";
import { atlasOrder } from "./atlas-order";
import type { MeasuredFeatures } from "./measure";
import { writeSprites } from "./sprites";

const SOURCES = join(__dirname, "..", "page");
const MANIFEST = join("data", "manifest.js");
/** What a page is made of, what a stopped build leaves included. */
const PAGE_FILE =
  /^(index\.html|page\.(js|css)|data.(manifest|columns|pictures|neurons|game|(features|appearances)-\d+)\.js|sprites.(\d+\.webp|key\.txt)|made.\d+\.webp|notes\.json)(\.[\d.]+\.tmp)?$/;
const SPRITE = { columns: 10, tile: 64 };

export interface PageContents {
  features: MeasuredFeatures;
  pictures: Pick<Dataset, "pictures" | "pictureShape" | "record" | "size" | "name" | "hash">;
  labels: LabelColumn;
  /** Rounds of the guessing game, their pictures as rows of the data set. */
  game?: Game;
  /** Pictures made for features, by feature. */
  made?: ReadonlyMap<number, RgbPicture>;
  about: Pick<Manifest, "title" | "model" | "hookPoint" | "architecture" | "label" | "prompt">;
}

export interface PageOptions {
  /** Features a data file. Default 512. */
  chunk?: number;
  /** WebP's quality of the sprites, 1 to 100. Default 70. */
  quality?: number;
  onProgress?: (stage: string, done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Writes the page into `folder`, which is made, or must be empty or a page already (its files are then written anew). The manifest comes last, so that a folder
 * that has one is whole.
 */
export async function buildPage(
  folder: string,
  contents: PageContents,
  options: PageOptions = {},
): Promise<Manifest> {
  const { features, pictures, labels, about, game, made = new Map<number, RgbPicture>() } = contents;
  const { chunk = 512, quality = 70, onProgress = () => {}, signal } = options;
  await clear(folder);
  const F = features.columns.density.length;
  const { rows, columns, details, numberOf } = keepPictures(features, game?.pictures);
  await writeMade(folder, made, quality);
  await writeSprites(folder, pictures, rows, {
    ...SPRITE,
    quality,
    signal,
    onProgress: (done, total) => onProgress("pictures", done, total),
  });
  const visualised = Uint8Array.from({ length: F }, (_, feature) => Number(made.has(feature)));
  await writeData(folder, "columns", { ...columns, visualised });
  await writeData(folder, "neurons", features.neurons);
  const captions = rows.map((row) => pictures.record(row).caption);
  const label = Int32Array.from(rows, (row) => labels.index[row]);
  await writeData(folder, "pictures", pictureColumns(captions, { label, row: Int32Array.from(rows) }));
  for (let from = 0; from < rows.length; from += APPEARANCE_CHUNK) {
    const to = Math.min(rows.length, from + APPEARANCE_CHUNK);
    const part = appearancesOf(details, features.sizes.top, from, to);
    await writeData(folder, `appearances-${from / APPEARANCE_CHUNK}`, part);
  }
  if (game) await writeData(folder, "game", { ...game, pictures: game.pictures.map(numberOf) });
  for (let from = 0; from < F; from += chunk) {
    signal?.throwIfAborted();
    await writeData(folder, `features-${from / chunk}`, partOf(details, F, from, Math.min(F, from + chunk)));
    onProgress("features", Math.min(F, from + chunk), F);
  }
  await writeFrontEnd(folder);
  const manifest: Manifest = {
    version: FORMAT_VERSION,
    ...about,
    dataset: pictures.name,
    features: F,
    measuredPictures: pictures.size,
    pictures: rows.length,
    labelNames: labels.names,
    chunk,
    ...features.sizes,
    sprite: SPRITE,
  };
  await writeData(folder, "manifest", manifest);
  return manifest;
}

/** Whether `folder` holds a whole page. */
export function isPage(folder: string): boolean {
  return existsSync(join(folder, MANIFEST));
}

/** Writes what is the same in every page. */
export async function writeFrontEnd(folder: string): Promise<void> {
  await writeFileAtomic(join(folder, "page.js"), await bundle("main.ts"));
  await writeFileAtomic(join(folder, "page.css"), await bundle("page.css"));
  await writeFileAtomic(join(folder, "index.html"), await readFile(join(SOURCES, "index.html"), "utf8"));
}

/** Rows of the data set by the picture numbers of the page in `folder`. */
export async function pictureRows(folder: string): Promise<Int32Array> {
  return unpackRecord<PictureColumns>(await readPageRecord(folder, "pictures"), ["row"]).row;
}

/** The files of the page in `folder`, if there is one; throws where anything else is, which is not ours to delete. */
export async function filesOfPage(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const found = (await readdir(folder, { recursive: true })).filter(
    (name) => !["data", "sprites", "made"].includes(name),
  );
  const foreign = found.filter((file) => !PAGE_FILE.test(file));
  if (foreign.length > 0) {
    throw new Error(
      `explore: expected ${folder} to be empty or a page, got ${foreign.slice(0, 5).join(", ")} (do: --out another folder)`,
    );
  }
  return found;
}

/** Deletes the page in `folder` but for sprites, which may be those of this one, and a person's notes. */
async function clear(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const found = await filesOfPage(folder);
  // The manifest first: a folder that has one is whole.
  for (const file of found.sort((a, b) => Number(b === MANIFEST) - Number(a === MANIFEST))) {
    if (!/^(sprites\b|notes\.json$)/.test(file)) await rm(join(folder, file));
  }
}

/**
 * Numbers the pictures that are shown: first those that stand for a feature, in the order of the atlas, so that a part of it needs few sprites, then the others
 * feature by feature. `others` are kept besides.
 */
function keepPictures({ columns, details }: MeasuredFeatures, others: Int32Array = new Int32Array()) {
  const numbers = new Map<number, number>();
  const keep = (row: number) => {
    if (row >= 0 && !numbers.has(row)) numbers.set(row, numbers.size);
  };
  const F = columns.picture.length;
  const places = { x: columns.atlasX, y: columns.atlasY, level: columns.atlasLevel };
  for (const feature of atlasOrder(places)) keep(columns.picture[feature]);
  for (let feature = 0; feature < F; feature++) {
    for (const column of [details.pictures, details.samples]) {
      const width = column.length / F;
      column.subarray(feature * width, (feature + 1) * width).forEach(keep);
    }
  }
  others.forEach(keep);
  const numberOf = (row: number) => numbers.get(row) ?? -1;
  return {
    numberOf,
    rows: [...numbers.keys()],
    columns: { ...columns, picture: columns.picture.map(numberOf) },
    details: {
      ...details,
      pictures: details.pictures.map(numberOf),
      samples: details.samples.map(numberOf),
    },
  };
}

/** Features `from` to `to` of F. */
function partOf(all: FeatureChunk, F: number, from: number, to: number): FeatureChunk {
  const cut = (column: Column) => {
    const width = column.length / F;
    return column.slice(from * width, to * width);
  };
  return Object.fromEntries(CHUNK_COLUMNS.map((name) => [name, cut(all[name])])) as unknown as FeatureChunk;
}

/** A file for each picture that was made for a feature. */
async function writeMade(
  folder: string,
  made: ReadonlyMap<number, RgbPicture>,
  quality: number,
): Promise<void> {
  if (made.size > 0) await mkdir(join(folder, "made"), { recursive: true });
  for (const [feature, picture] of made) {
    const webp = await encodeSheet(picture, { side: picture.width, perRow: 1, quality });
    await writeFileAtomic(join(folder, "made", `${feature}.webp`), [webp]);
  }
}

/** A data file is a script that hands its record over: a page on file:// may load scripts, but not read files. */
function writeData(folder: string, name: string, record: object): Promise<void> {
  return writeFileAtomic(
    join(folder, "data", `${name}.js`),
    `vitrine(${JSON.stringify(name)}, ${packRecord(record)});\n`,
  );
}

/** A source of the page and all that it imports as one file. */
async function bundle(source: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(SOURCES, source)],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "silent",
  });
  return outputFiles[0].text;
}
