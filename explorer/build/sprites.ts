/** Pictures as WebP sheets: few files, each loaded only when one of its pictures is seen. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../../lib/datasets";
import { encodeSheet, writeFileAtomic } from "../../lib/io";
import type { SpriteLayout } from "../format/page-format";

export interface SpriteOptions extends SpriteLayout {
  /** WebP's, 1 to 100. */
  quality: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Writes `rows` of `pictures`, in that order, as sprites/I.webp under `folder`; a picture is shrunk to fit its tile, whole. Sheets of the same
 * pictures that are there are left as they are, so that a stopped build goes on in the middle. */
export async function writeSprites(
  folder: string,
  pictures: Pick<Dataset, "pictures" | "pictureShape" | "hash">,
  rows: readonly number[],
  { columns, tile, quality, onProgress = () => {}, signal }: SpriteOptions,
): Promise<void> {
  await mkdir(join(folder, "sprites"), { recursive: true });
  const [height, width] = pictures.pictureShape;
  const perSheet = columns ** 2;
  const key = createHash("sha256")
    .update(JSON.stringify([pictures.hash, columns, tile, quality]))
    .update(Int32Array.from(rows))
    .digest("hex");
  await keepOnly(join(folder, "sprites"), key);
  for (let from = 0; from < rows.length; from += perSheet) {
    onProgress(from, rows.length);
    signal?.throwIfAborted();
    const chosen = rows.slice(from, from + perSheet);
    const path = join(folder, "sprites", `${from / perSheet}.webp`);
    if (existsSync(path)) continue;
    const tiles = { data: await pictures.pictures(chosen), width, height };
    const webp = await encodeSheet(tiles, { side: tile, perRow: columns, quality });
    await writeFileAtomic(path, [webp]);
  }
  onProgress(rows.length, rows.length);
}

/** Deletes sheets that were not made for `key`, and notes it. */
async function keepOnly(folder: string, key: string): Promise<void> {
  const note = join(folder, "key.txt");
  const kept = existsSync(note) && (await readFile(note, "utf8")) === key;
  for (const file of await readdir(folder)) if (!kept || file.endsWith(".tmp")) await rm(join(folder, file));
  await writeFileAtomic(note, key);
}
