/** Chosen features of a page as one HTML file: everything is in it, it opens from disk and asks for nothing. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodePicture, encodeSheet, writeFileAtomic } from "../../lib/io";
import { readManifest, readPageRecord } from "../format/page-files";
import {
  CHUNK_COLUMNS,
  type Column,
  captionOf,
  FEATURE_COLUMNS,
  type FeatureChunk,
  type FeatureColumns,
  type Manifest,
  PICTURE_COLUMNS,
  type PictureColumns,
  packRecord,
  pictureColumns,
  type SpriteLayout,
  unpackRecord,
} from "../format/page-format";

const QUALITY = 80;

/** Writes features of the page in `folder` to `file`. Throws when the page does not have one of them. */
export async function sharePage(folder: string, features: readonly number[], file: string): Promise<void> {
  const manifest = await readManifest(folder, "share");
  const wrong = features.find(
    (feature) => !(Number.isInteger(feature) && feature >= 0 && feature < manifest.features),
  );
  if (features.length === 0 || wrong !== undefined) {
    throw new Error(
      `share: expected features from 0 to ${manifest.features - 1}, got ${wrong ?? "none"} (do: --features 1,2,3)`,
    );
  }
  const shared = [...new Set(features)].sort((a, b) => a - b);
  const chunks = new Map<number, FeatureChunk>();
  for (const feature of shared) chunks.set(feature, await featureOf(folder, manifest, feature));
  const columns = unpackRecord<FeatureColumns>(await readPageRecord(folder, "columns"), FEATURE_COLUMNS);
  const known = unpackRecord<PictureColumns>(await readPageRecord(folder, "pictures"), PICTURE_COLUMNS);

  // The pictures of the features, and those that stand for what they link to.
  const numbers = new Map<number, number>();
  const keep = (picture: number) => {
    if (picture >= 0 && !numbers.has(picture)) numbers.set(picture, numbers.size);
  };
  const linked = new Set(shared);
  for (const { pictures, samples, neighbours, coFiring } of chunks.values()) {
    for (const column of [pictures, samples]) column.forEach(keep);
    for (const column of [neighbours, coFiring])
      for (const other of column) if (other >= 0) linked.add(other);
  }
  for (const feature of linked) keep(columns.picture[feature]);
  const numberOf = (picture: number) => numbers.get(picture) ?? -1;
  const kept = [...numbers.keys()];

  const records: Record<string, object> = {
    manifest: { ...manifest, chunk: 1, pictures: kept.length, shared },
    columns: { ...columns, picture: columns.picture.map(numberOf) },
    pictures: pictureColumns(
      kept.map((picture) => captionOf(known, picture)),
      {
        label: Int32Array.from(kept, (picture) => known.label[picture]),
        row: Int32Array.from(kept, (picture) => known.row[picture]),
      },
    ),
    neurons: await readPageRecord(folder, "neurons"),
  };
  for (const [feature, chunk] of chunks) {
    const { pictures, samples } = chunk;
    records[`features-${feature}`] = {
      ...chunk,
      pictures: pictures.map(numberOf),
      samples: samples.map(numberOf),
    };
  }
  const files = await spritesOf(folder, kept, manifest.sprite);
  for (const feature of shared) {
    const made = join("made", `${feature}.webp`);
    if (existsSync(join(folder, made)))
      files[`made/${feature}.webp`] = dataUrl(await readFile(join(folder, made)));
  }
  await writeFileAtomic(file, await wholePage(folder, records, files));
}

/** One feature out of its chunk, as a chunk of its own. */
async function featureOf(folder: string, { chunk, top }: Manifest, feature: number): Promise<FeatureChunk> {
  const record = await readPageRecord(folder, `features-${Math.floor(feature / chunk)}`);
  const all = unpackRecord<FeatureChunk>(record, CHUNK_COLUMNS);
  const count = all.pictures.length / top;
  const local = feature % chunk;
  const cut = (column: Column) => {
    const width = column.length / count;
    return column.slice(local * width, (local + 1) * width);
  };
  return Object.fromEntries(CHUNK_COLUMNS.map((name) => [name, cut(all[name])])) as unknown as FeatureChunk;
}

/** New sheets of the page's pictures `kept`, as data URLs by their paths. */
async function spritesOf(
  folder: string,
  kept: readonly number[],
  { columns, tile }: SpriteLayout,
): Promise<Record<string, string>> {
  const perSheet = columns ** 2;
  const bytes = tile * tile * 3;
  const tiles = new Uint8Array(kept.length * bytes);
  const bySheet = new Map<number, number[]>();
  kept.forEach((picture, i) => {
    const sheet = Math.floor(picture / perSheet);
    bySheet.set(sheet, [...(bySheet.get(sheet) ?? []), i]);
  });
  for (const [sheet, places] of bySheet) {
    const { data, width } = await decodePicture(join(folder, "sprites", `${sheet}.webp`));
    for (const i of places) {
      const place = kept[i] % perSheet;
      const [left, top] = [tile * (place % columns), tile * Math.floor(place / columns)];
      for (let y = 0; y < tile; y++) {
        const from = ((top + y) * width + left) * 3;
        tiles.set(data.subarray(from, from + tile * 3), i * bytes + y * tile * 3);
      }
    }
  }
  const files: Record<string, string> = {};
  for (let from = 0; from < kept.length; from += perSheet) {
    const data = tiles.subarray(from * bytes, (from + perSheet) * bytes);
    const sheet = { side: tile, perRow: columns, quality: QUALITY };
    const webp = await encodeSheet({ data, width: tile, height: tile }, sheet);
    files[`sprites/${from / perSheet}.webp`] = dataUrl(webp);
  }
  return files;
}

/** The page with style, data and script inside; its policy names them by their hashes and allows nothing else. */
async function wholePage(
  folder: string,
  records: Record<string, object>,
  files: Record<string, string>,
): Promise<string> {
  const read = (name: string) => readFile(join(folder, name), "utf8");
  const [html, style, script] = [await read("index.html"), await read("page.css"), await read("page.js")];
  // JSON inside of a script: nothing in it may end the script.
  const data = `window.vitrineFile = ${packRecord({ records, files }).replaceAll("<", "\\u003c")};`;
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(data)} ${hash(script)}`,
    `style-src ${hash(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const replaced: [RegExp, string][] = [
    [/(http-equiv="Content-Security-Policy" content=")[^"]*/, `$1${policy}`],
    [/<link rel="stylesheet"[^>]*>/, ""],
    [/<script src="page.js"[^>]*><\/script>/, ""],
  ];
  let page = html;
  for (const [pattern, by] of replaced) {
    if (!pattern.test(page)) throw new Error(`internal: ${folder}/index.html has no ${pattern}`);
    page = page.replace(pattern, by);
  }
  return page
    .replace("</head>", () => `<style>${style}</style></head>`)
    .replace("</body>", () => `<script>${data}</script><script>${script}</script></body>`);
}

function dataUrl(webp: Uint8Array): string {
  return `data:image/webp;base64,${Buffer.from(webp).toString("base64")}`;
}
