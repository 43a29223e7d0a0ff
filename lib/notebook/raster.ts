/** A small picture in memory that is drawn on and becomes a PNG data URL: rectangles for heat maps, discs for points. */
import { deflateSync } from "node:zlib";

/** Red, green, blue (0-255) and opacity (0-1). */
export type Rgba = [number, number, number, number];

/** "#rgb", "#rrggbb", "rgb(…)" or "rgba(…)" as numbers; throws on any other notation. */
export function parseColour(text: string): Rgba {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text)?.[1];
  if (hex) {
    const full = hex.length === 3 ? hex.replace(/./g, "$&$&") : hex;
    const n = Number.parseInt(full, 16);
    return [n >> 16, (n >> 8) & 255, n & 255, 1];
  }
  const parts = /^rgba?\(([^)]*)\)$/.exec(text)?.[1].split(",").map(Number);
  if (parts && (parts.length === 3 || parts.length === 4) && parts.every(Number.isFinite))
    return [parts[0], parts[1], parts[2], parts[3] ?? 1];
  throw new Error(`parseColour: expected #rrggbb or rgb(r, g, b), got "${text}"`);
}

/** Pixels with opacity, transparent at first. */
export class Raster {
  readonly data: Uint8ClampedArray;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }

  /** Sets the pixels whose centres lie in the rectangle. */
  fillRect(x: number, y: number, width: number, height: number, [r, g, b, a]: Rgba): void {
    const right = Math.min(this.width, Math.round(x + width));
    const bottom = Math.min(this.height, Math.round(y + height));
    for (let row = Math.max(0, Math.round(y)); row < bottom; row++)
      for (let column = Math.max(0, Math.round(x)); column < right; column++)
        this.data.set([r, g, b, 255 * a], 4 * (row * this.width + column));
  }

  /** Lays a disc with a soft edge of one pixel over what is there. */
  disc(cx: number, cy: number, radius: number, [r, g, b, opacity]: Rgba): void {
    const { data, width } = this;
    const reach = radius + 0.5;
    const bottom = Math.min(this.height - 1, Math.floor(cy + reach));
    const right = Math.min(width - 1, Math.floor(cx + reach));
    for (let row = Math.max(0, Math.floor(cy - reach)); row <= bottom; row++)
      for (let column = Math.max(0, Math.floor(cx - reach)); column <= right; column++) {
        const distance = Math.hypot(column + 0.5 - cx, row + 0.5 - cy);
        const alpha = opacity * Math.min(1, Math.max(0, reach - distance));
        if (alpha === 0) continue;
        const i = 4 * (row * width + column);
        const under = (data[i + 3] / 255) * (1 - alpha);
        const over = alpha + under;
        data[i] = (r * alpha + data[i] * under) / over;
        data[i + 1] = (g * alpha + data[i + 1] * under) / over;
        data[i + 2] = (b * alpha + data[i + 2] * under) / over;
        data[i + 3] = 255 * over;
      }
  }

  /** PNG (8 bits, RGBA) as a data URL. Synchronous, since Plotly asks its canvas for it in the middle of drawing. */
  toDataUrl(): string {
    const { width, height, data } = this;
    const rows = Buffer.alloc(height * (4 * width + 1));
    for (let row = 0; row < height; row++)
      rows.set(data.subarray(4 * width * row, 4 * width * (row + 1)), row * (4 * width + 1) + 1);
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 6, 0, 0, 0], 8);
    const png = Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk("IHDR", header),
      chunk("IDAT", deflateSync(rows)),
      chunk("IEND", Buffer.alloc(0)),
    ]);
    return `data:image/png;base64,${png.toString("base64")}`;
  }
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(content.length, 0);
  result.set(body, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}

/** CRC-32 of the PNG specification, annex D (node:zlib has its own only from Node 22.2 on). */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
