/** Pictures in and out: any file or buffer to plain RGB bytes, RGB bytes to PNG, and grids of pictures. */
import { readFile } from "node:fs/promises";
import sharp, { type SharpOptions } from "sharp";

/** A picture as rows of interleaved bytes, top to bottom: data[(y * width + x) * channels + c]. */
export interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
  /** 3 for RGB (the default everywhere), 1 for grey. */
  channels: 1 | 3;
}

export interface DecodeOptions {
  /** Name used in errors when the source is a buffer; default "picture". */
  name?: string;
  /** Colour behind transparent pixels; default white. */
  background?: string;
  /** Larger pictures are refused before they are decoded; default 268 million pixels (sharp's). */
  maxPixels?: number;
}

/** Damaged files are errors; colour profiles are ignored, as by Pillow and so by the pictures that CLIPs are trained on. */
const READING = { failOn: "error", ignoreIcc: true } as const;

/**
 * Decodes a picture (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG, ...) to RGB, turned as its EXIF data say, transparent
 * pixels on white. Takes a path or the file's bytes. Throws, naming the picture, if the bytes are no picture.
 */
export async function decodePicture(
  source: string | Uint8Array,
  options: DecodeOptions = {},
): Promise<Picture> {
  const {
    name = typeof source === "string" ? source : "picture",
    background = "#ffffff",
    maxPixels,
  } = options;
  const bytes = typeof source === "string" ? await readPictureFile(source) : source;
  if (bytes.length === 0) {
    throw new Error(`${name}: expected a picture, got an empty file (fetch or write it again)`);
  }
  try {
    const reading = { ...READING, ...(maxPixels && { limitInputPixels: maxPixels }) };
    if (await isCmyk(bytes)) return await decodeCmyk(bytes, name, reading);
    const { data, info } = await sharp(bytes, reading)
      .rotate()
      .flatten({ background })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return asRgb(data, info.width, info.height, info.channels, name);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("internal:")) throw error;
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`${name}: expected a readable picture, got ${reason} (replace or remove the file)`);
  }
}

/** Encodes RGB or grey bytes as a PNG file. Throws if the bytes do not fill width x height x channels. */
export async function encodePng({ data, width, height, channels }: Picture): Promise<Buffer> {
  if (data.length !== width * height * channels) {
    throw new Error(
      `encodePng: expected ${width} x ${height} x ${channels} = ${width * height * channels} bytes, ` +
        `got ${data.length} (check width, height and channels)`,
    );
  }
  return await sharp(data, { raw: { width, height, channels } }).png({ compressionLevel: 9 }).toBuffer();
}

export interface TileOptions {
  /** Pictures in a row; default: as square a grid as possible. */
  columns?: number;
  /** White pixels between pictures; default 2. */
  gap?: number;
  /** Whole-number enlargement, each pixel drawn scale x scale; default 1. */
  scale?: number;
}

/** Lays RGB pictures of one size out as a grid, row by row, on white. Throws on no pictures or mixed sizes. */
export function tilePictures(pictures: readonly Picture[], options: TileOptions = {}): Picture {
  const { columns = Math.ceil(Math.sqrt(pictures.length)), gap = 2, scale = 1 } = options;
  if (pictures.length === 0) throw new Error("tilePictures: expected at least one picture, got none");
  for (const [field, value, least] of [
    ["columns", columns, 1],
    ["gap", gap, 0],
    ["scale", scale, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new Error(`tilePictures: expected ${field} to be a whole number >= ${least}, got ${value}`);
    }
  }
  const [{ width: w, height: h }] = pictures;
  const across = Math.min(columns, pictures.length);
  const down = Math.ceil(pictures.length / across);
  const width = across * w * scale + (across - 1) * gap;
  const height = down * h * scale + (down - 1) * gap;
  const data = new Uint8Array(width * height * 3).fill(255);
  pictures.forEach((picture, i) => {
    if (picture.width !== w || picture.height !== h || picture.channels !== 3) {
      throw new Error(
        `tilePictures: expected picture ${i} to be ${w} x ${h} x 3, ` +
          `got ${picture.width} x ${picture.height} x ${picture.channels} (resize it first)`,
      );
    }
    const left = (i % across) * (w * scale + gap);
    const top = Math.floor(i / across) * (h * scale + gap);
    for (let y = 0; y < h * scale; y++) {
      for (let x = 0; x < w * scale; x++) {
        const from = (Math.floor(y / scale) * w + Math.floor(x / scale)) * 3;
        const to = ((top + y) * width + left + x) * 3;
        data[to] = picture.data[from];
        data[to + 1] = picture.data[from + 1];
        data[to + 2] = picture.data[from + 2];
      }
    }
  });
  return { data, width, height, channels: 3 };
}

export interface SheetOptions {
  /** Side of a tile in pixels. */
  side: number;
  /** Tiles in a row; as many rows. */
  perRow: number;
  /** WebP's, 1 to 100. */
  quality: number;
}

/**
 * Encodes RGB pictures of one size, [count, height, width, 3] bytes, as small tiles of one WebP: a square of `perRow` x `perRow` from the top left,
 * each picture whole in its tile, white around them. `perRow`² pictures at most.
 */
export async function encodeSheet(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  { side, perRow, quality }: SheetOptions,
): Promise<Buffer> {
  const bytes = width * height * 3;
  const count = data.length / bytes;
  if (!Number.isInteger(count) || count > perRow ** 2) {
    throw new Error(
      `encodeSheet: expected at most ${perRow ** 2} pictures of ${bytes} bytes, got ${data.length} bytes (make more sheets)`,
    );
  }
  const tile = { width: side, height: side, channels: 3 as const };
  const tiles = await Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      input: await sharp(data.subarray(i * bytes, (i + 1) * bytes), { raw: { width, height, channels: 3 } })
        .resize(side, side, { fit: "contain", background: "white", kernel: "cubic" })
        .raw()
        .toBuffer(),
      raw: tile,
      left: side * (i % perRow),
      top: side * Math.floor(i / perRow),
    })),
  );
  const edge = side * perRow;
  return await sharp({ create: { width: edge, height: edge, channels: 3, background: "white" } })
    .composite(tiles)
    .webp({ quality })
    .toBuffer();
}

/** The inside of an <svg> element and its view box. */
export interface SvgDrawing {
  body: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Times that SVG is drawn larger than asked for, then averaged: librsvg cuts filters and clips without smoothing. */
const OVERSAMPLING = 2;

/**
 * Renders an SVG drawing to a square RGB picture, [size, size, 3] bytes on white: centred, aspect kept, each pixel the
 * mean of 2 x 2. Throws, naming the picture, if librsvg cannot read it.
 */
export async function renderSvg(drawing: SvgDrawing, size: number, name = "SVG"): Promise<Uint8Array> {
  const { body, left, top, width, height } = drawing;
  const drawn = size * OVERSAMPLING;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `width="${drawn}" height="${drawn}" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`;
  const large = await decodePicture(Buffer.from(svg), { name });
  if (large.width !== drawn || large.height !== drawn) {
    throw new Error(`internal: ${name}: drawn as ${large.width} x ${large.height}, not ${drawn} x ${drawn}`);
  }
  const data = new Uint8Array(size * size * 3);
  const row = drawn * 3;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        const from = 2 * y * row + 6 * x + c;
        const sum =
          large.data[from] + large.data[from + 3] + large.data[from + row] + large.data[from + row + 3];
        data[(y * size + x) * 3 + c] = (sum + 2) >> 2;
      }
    }
  }
  return data;
}

/** Four inks by the formula of Pillow's convert("RGB"): what is not covered by black, less the ink; no colour profile. */
async function decodeCmyk(bytes: Uint8Array, name: string, reading: SharpOptions): Promise<Picture> {
  const inks = sharp(bytes, reading).rotate().pipelineColourspace("cmyk").toColourspace("cmyk");
  const { data, info } = await inks.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const rgb = new Uint8ClampedArray(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const light = 255 - data[i * channels + 3];
    for (let c = 0; c < 3; c++) {
      const product = data[i * channels + c] * light + 128;
      rgb[i * 3 + c] = light - (((product >> 8) + product) >> 8); // rounded division by 255
    }
  }
  return asRgb(Buffer.from(rgb.buffer), width, height, 3, name);
}

/** Whether a JPEG has four components, by its frame header, or a TIFF says so: no other form that is read here has inks. */
async function isCmyk(bytes: Uint8Array): Promise<boolean> {
  const [first, second] = bytes;
  if (first === second && (first === 0x49 || first === 0x4d))
    return (await sharp(bytes).metadata()).space === "cmyk";
  if (first !== 0xff || second !== 0xd8) return false;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return bytes[at + 9] === 4;
    at += 2 + (bytes[at + 2] << 8) + bytes[at + 3];
  }
  return false;
}

async function readPictureFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new Error(`${path}: expected a picture file, got ${code} (check the path)`);
  }
}

function asRgb(data: Buffer, width: number, height: number, channels: number, name: string): Picture {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (channels === 3) return { data: bytes, width, height, channels: 3 };
  if (channels !== 1) throw new Error(`internal: ${name}: decoded to ${channels} channels`);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < bytes.length; i++) rgb.fill(bytes[i], i * 3, i * 3 + 3);
  return { data: rgb, width, height, channels: 3 };
}
