/** Widths of text in the font of the static pictures, read from its file: jsdom has no layout and cannot measure. */
import { readFileSync } from "node:fs";

/** Advance width of a character in em. */
export type AdvanceOf = (codePoint: number) => number;

/** Width in em of signs that the font does not have. */
const UNKNOWN_WIDTH = 1;

/**
 * Reads the advance widths of a TrueType or OpenType file: tables `head`, `hhea`, `hmtx`, and `cmap` format 4 or 12
 * (OpenType specification 1.9). Throws when the file has no such table.
 */
export function readAdvances(path: string): AdvanceOf {
  const font = readFileSync(path);
  const tables = new Map<string, number>();
  for (let i = 0; i < font.readUInt16BE(4); i++) {
    const record = 12 + 16 * i;
    tables.set(font.toString("latin1", record, record + 4), font.readUInt32BE(record + 8));
  }
  const at = (name: string): number => {
    const offset = tables.get(name);
    if (offset === undefined)
      throw new Error(`readAdvances: expected a table "${name}" in ${path}, got none (use a .ttf file)`);
    return offset;
  };
  const unitsPerEm = font.readUInt16BE(at("head") + 18);
  const metrics = font.readUInt16BE(at("hhea") + 34);
  const glyphOf = readCharacterMap(font, at("cmap"));
  const cache = new Map<number, number>();
  return (codePoint) => {
    let width = cache.get(codePoint);
    if (width === undefined) {
      const glyph = glyphOf(codePoint);
      width =
        glyph === 0
          ? UNKNOWN_WIDTH
          : font.readUInt16BE(at("hmtx") + 4 * Math.min(glyph, metrics - 1)) / unitsPerEm;
      cache.set(codePoint, width);
    }
    return width;
  };
}

function readCharacterMap(font: Buffer, cmap: number): (codePoint: number) => number {
  let four = -1;
  let twelve = -1;
  for (let i = 0; i < font.readUInt16BE(cmap + 2); i++) {
    const offset = cmap + font.readUInt32BE(cmap + 4 + 8 * i + 4);
    const format = font.readUInt16BE(offset);
    if (format === 4) four = offset;
    if (format === 12) twelve = offset;
  }
  if (twelve >= 0) {
    const groups = font.readUInt32BE(twelve + 12);
    return (code) => {
      for (let g = 0; g < groups; g++) {
        const group = twelve + 16 + 12 * g;
        if (code >= font.readUInt32BE(group) && code <= font.readUInt32BE(group + 4))
          return font.readUInt32BE(group + 8) + code - font.readUInt32BE(group);
      }
      return 0;
    };
  }
  if (four < 0) throw new Error("readAdvances: expected a cmap of format 4 or 12, got neither");
  const segments = font.readUInt16BE(four + 6) / 2;
  return (code) => {
    for (let s = 0; s < segments; s++) {
      const end = four + 14 + 2 * s;
      if (code > font.readUInt16BE(end)) continue;
      const start = end + 2 + 2 * segments;
      if (code < font.readUInt16BE(start)) return 0;
      const delta = font.readInt16BE(start + 2 * segments);
      const rangeAt = start + 4 * segments;
      const range = font.readUInt16BE(rangeAt);
      if (range === 0) return (code + delta) & 0xffff;
      const glyph = font.readUInt16BE(rangeAt + range + 2 * (code - font.readUInt16BE(start)));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}

/** Width of one line of text in pixels. */
export function measureText(text: string, fontSize: number, advanceOf: AdvanceOf): number {
  let width = 0;
  for (const sign of text) width += advanceOf(sign.codePointAt(0) ?? 0);
  return width * fontSize;
}
