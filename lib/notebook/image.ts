/** Pictures in a cell: one, or a labelled grid such as the top images of a few features. */
import { DISPLAY, DISPLAY_METADATA, type Displayable } from "./display";
import { type GridText, makePicture, type RawPicture } from "./pictures";

export interface ImageOptions extends RawPicture {
  /** Shown width and height in pixels; default: the picture's own, times `scale`. */
  scale?: number;
  /** What the picture shows, for readers who cannot see it; default its size. */
  alt?: string;
}

function checkPicture(where: string, { data, width, height, channels = 3 }: RawPicture): void {
  if (data.length !== width * height * channels)
    throw new Error(
      `${where}: expected ${width * height * channels} bytes for ${width} x ${height} x ${channels}, got ${data.length}`,
    );
}

/** One picture from raw pixels as PNG. */
export function image({ scale = 1, alt, ...picture }: ImageOptions): Displayable {
  checkPicture("image", picture);
  const width = Math.round(picture.width * scale);
  const height = Math.round(picture.height * scale);
  const text = `[picture: ${alt ?? `${picture.width} x ${picture.height} pixels`}]`;
  return {
    [DISPLAY]: async () => {
      const { bytes } = await makePicture({ kind: "raw", picture, width, height });
      return { "image/png": bytes.toString("base64"), "text/plain": text };
    },
    [DISPLAY_METADATA]: { "image/png": { width, height } },
  };
}

/** One row of `imageGrid`, such as the top images of one feature. */
export interface ImageRow {
  /** Bold line above the pictures. */
  title: string;
  /** Grey text after the title, on the same line. */
  note?: string;
  pictures: RawPicture[];
  /** A short line under each picture; cut to the picture's width. */
  captions?: string[];
}

export interface ImageGridOptions {
  /** Heading of the whole grid. */
  title?: string;
  /** Pictures side by side before a row wraps; default: the longest row, at most 16. */
  columns?: number;
  /** Side of a picture's square in pixels; default 56. */
  cell?: number;
  /** Space between pictures in pixels; default 4. */
  gap?: number;
  /** Device pixels a pixel; default 2. */
  scale?: number;
}

const MARGIN = 12;
const CAPTION_SIZE = 9;
const CAPTION_HEIGHT = 13;
/** Widest average sign of a caption in font sizes, to cut it before it runs into the next one. */
const SIGN_WIDTH = 0.56;

/**
 * Rows of pictures with their labels as one PNG, or JPEG where that is smaller: it shows the same in JupyterLab, on GitHub and in an export (an HTML
 * table of pictures would not, where the notebook is not trusted).
 */
export function imageGrid(rows: ImageRow[], options: ImageGridOptions = {}): Displayable {
  const longest = Math.max(1, ...rows.map(({ pictures }) => pictures.length));
  const { title, columns = Math.min(16, longest), cell = 56, gap = 4, scale = 2 } = options;
  const texts: GridText[] = [];
  const pictures: { picture: RawPicture; left: number; top: number; size: number }[] = [];
  let y = MARGIN;
  if (title) {
    texts.push({ text: title, x: MARGIN, y: y + 15, size: 16, weight: 600 });
    y += 30;
  }
  for (const row of rows) {
    for (const picture of row.pictures) checkPicture(`imageGrid, "${row.title}"`, picture);
    texts.push({ text: row.title, x: MARGIN, y: y + 12, size: 12, weight: 600, note: row.note });
    y += 20;
    const step = cell + gap + (row.captions ? CAPTION_HEIGHT : 0);
    row.pictures.forEach((picture, i) => {
      const left = MARGIN + (i % columns) * (cell + gap);
      const top = y + Math.floor(i / columns) * step;
      pictures.push({ picture, left, top, size: cell });
      const caption = row.captions?.[i];
      if (caption)
        texts.push({ text: fit(caption, cell), x: left, y: top + cell + 10, size: CAPTION_SIZE, grey: true });
    });
    y += Math.ceil(row.pictures.length / columns) * step + 10;
  }
  const width = 2 * MARGIN + columns * (cell + gap) - gap;
  const height = y + MARGIN - 10;
  const text = [
    title,
    ...rows.map((row) => `${row.title}: ${row.pictures.length} pictures${row.note ? `, ${row.note}` : ""}`),
  ];
  return {
    [DISPLAY]: async () => {
      const { bytes } = await makePicture({ kind: "grid", width, height, scale, pictures, texts });
      return {
        [bytes[0] === 0xff ? "image/jpeg" : "image/png"]: bytes.toString("base64"),
        "text/plain": text.filter(Boolean).join("\n").trimEnd(),
      };
    },
    [DISPLAY_METADATA]: { "image/png": { width, height }, "image/jpeg": { width, height } },
  };
}

function fit(text: string, width: number): string {
  const signs = Math.floor(width / (CAPTION_SIZE * SIGN_WIDTH));
  return text.length <= signs ? text : `${text.slice(0, signs - 1).trimEnd()}…`;
}
