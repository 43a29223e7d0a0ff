/** Pictures shown as pictures: encoded bytes as sharp returns them, sharp's own objects, and plain pixels. */
import type { MimeBundle } from "../executor/contract";
import { encodePng, type Pixels } from "./png";

const signatures: readonly { mime: string; bytes: RegExp }[] = [
  { mime: "image/png", bytes: /^89504e470d0a1a0a/ },
  { mime: "image/jpeg", bytes: /^ffd8ff/ },
  { mime: "image/gif", bytes: /^474946383[79]61/ },
  { mime: "image/webp", bytes: /^52494646.{8}57454250/ },
];

/** Larger ones are told as text: a browser would choke on them. */
const maxPixels = 2 ** 24;

/** What of sharp's objects is used here. */
interface SharpLike {
  clone(): SharpLike;
  png(): SharpLike;
  toBuffer(): Promise<Buffer>;
}

/** What one of sharp's objects stands for, which has to be drawn first; undefined for anything else. */
export async function drawnBundle(value: unknown): Promise<MimeBundle | undefined> {
  return isSharp(value) ? encodedBundle(await value.clone().png().toBuffer()) : undefined;
}

/** Undefined for what is no picture. */
export function imageBundle(value: unknown): MimeBundle | undefined {
  if (value instanceof Uint8Array) return encodedBundle(value);
  const pixels = pixelsOf(value);
  if (!pixels) return undefined;
  const { width, height, channels } = pixels;
  const bundle = encodedBundle(encodePng(pixels));
  return { ...bundle, "text/plain": `picture, ${width} x ${height}, ${channels} channels` };
}

function encodedBundle(bytes: Uint8Array): MimeBundle | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer.subarray(0, 12).toString("hex");
  const found = signatures.find((signature) => signature.bytes.test(start));
  if (!found) return undefined;
  return { [found.mime]: buffer.toString("base64"), "text/plain": `${found.mime}, ${buffer.length} bytes` };
}

function isSharp(value: unknown): value is SharpLike {
  if (typeof value !== "object" || value?.constructor?.name !== "Sharp") return false;
  const { clone, png, toBuffer } = value as Record<string, unknown>;
  return [clone, png, toBuffer].every((method) => typeof method === "function");
}

/** `{ data, width, height }` with as many bytes as whole channels need: lib's pictures, ImageData, sharp's raw output. */
function pixelsOf(value: unknown): Pixels | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { data, width, height } = value as Record<string, unknown>;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) return undefined;
  if (!isCount(width) || !isCount(height) || width * height > maxPixels) return undefined;
  const channels = data.length / (width * height);
  if (channels !== 1 && channels !== 2 && channels !== 3 && channels !== 4) return undefined;
  return { data, width, height, channels };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
