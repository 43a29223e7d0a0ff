/** Jupyter counts cursor positions in Unicode code points, JavaScript in UTF-16 units. */

/** Code points -> UTF-16 offset, kept within the text. */
export function toUtf16(text: string, codePoints: number): number {
  let offset = 0;
  for (let count = 0; count < codePoints && offset < text.length; count += 1) {
    offset += (text.codePointAt(offset) as number) > 0xffff ? 2 : 1;
  }
  return offset;
}

/** UTF-16 offset -> code points. */
export function toCodePoints(text: string, offset: number): number {
  return [...text.slice(0, offset)].length;
}
