/** Pictures as WebP sheets: few files, each loaded only when one of its pictures is seen. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import type { Dataset } from "../lib/datasets";
import { writeFileAtomic } from "../lib/io";
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
  rows: ArrayLike<number>,
  { columns, tile, quality, onProgress = () => {}, signal }: SpriteOptions,
): Promise<void> {
  await mkdir(join(folder, "sprites"), { recursive: true });
  const [height, width] = pictures.pictureShape;
  const bytes = height * width * 3;
  const raw = { width, height, channels: 3 } as const;
  const perSheet = columns ** 2;
  for (let from = 0, sheet = 0; from < rows.length; from += perSheet, sheet++) {
    signal?.throwIfAborted();
    const chosen = Array.from(rows).slice(from, from + perSheet);
    const all = await pictures.pictures(chosen);
    const tiles = await Promise.all(
      chosen.map(async (_, i) => ({
        input: await sharp(all.subarray(i * bytes, (i + 1) * bytes), { raw })
          .resize(tile, tile, { fit: "contain", background: "white" })
          .raw()
          .toBuffer(),
        raw: { width: tile, height: tile, channels: 3 as const },
        left: tile * (i % columns),
        top: tile * Math.floor(i / columns),
      })),
    );
    const edge = tile * columns;
    const webp = await sharp({
      create: { width: edge, height: edge, channels: 3, background: "white" },
    })
      .composite(tiles)
      .webp({ quality })
      .toBuffer();
    await writeFileAtomic(join(folder, "sprites", `${sheet}.webp`), [webp]);
    onProgress(from + chosen.length, rows.length);
  }
}
