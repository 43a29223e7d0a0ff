/** Pictures as WebP sheets: few files, each loaded only when one of its pictures is seen. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../lib/datasets";
import { encodeSheet, writeFileAtomic } from "../lib/io";
import type { SpriteLayout } from "./format";

export interface SpriteOptions extends SpriteLayout {
  /** WebP's, 1 to 100. */
  quality: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Writes `rows` of `pictures`, in that order, as sprites/I.webp under `folder`; a picture is shrunk to fit its tile, whole. */
export async function writeSprites(
  folder: string,
  pictures: Pick<Dataset, "pictures" | "pictureShape">,
  rows: readonly number[],
  { columns, tile, quality, onProgress = () => {}, signal }: SpriteOptions,
): Promise<void> {
  await mkdir(join(folder, "sprites"), { recursive: true });
  const [height, width] = pictures.pictureShape;
  const perSheet = columns ** 2;
  for (let from = 0; from < rows.length; from += perSheet) {
    signal?.throwIfAborted();
    const chosen = rows.slice(from, from + perSheet);
    const tiles = { data: await pictures.pictures(chosen), width, height };
    const webp = await encodeSheet(tiles, { side: tile, perRow: columns, quality });
    await writeFileAtomic(join(folder, "sprites", `${from / perSheet}.webp`), [webp]);
    onProgress(from + chosen.length, rows.length);
  }
}
