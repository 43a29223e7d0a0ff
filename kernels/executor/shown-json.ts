/** A shown thing as JSON in UTF-8. Large ones are mostly one text without anything to escape: base64 of a picture. */
import type { Shown, ShownJson } from "./contract";

/** From so many characters on it is worth a look whether a text needs escapes; most that do show it among the first so many. */
const longText = 10_000;
/** What is not ASCII, or is escaped by JSON. */
const special = /[^ !#-[\]-\x7f]/;
const encoder = new TextEncoder();

/**
 * The bytes of `JSON.stringify(shown)`, in memory of their own, which can be moved between threads. That takes 4 ns a character; a long text of ASCII without escapes is
 * encoded as it is and looked through afterwards, four bytes at a time, in a quarter of it.
 */
export function writeJson(shown: Shown): ShownJson {
  return write(shown, longText) ?? (write(shown, Number.POSITIVE_INFINITY) as ShownJson);
}

/** Undefined when a text of `long` characters or more that begins without anything to escape goes on otherwise. */
function write({ data, metadata }: Shown, long: number): ShownJson | undefined {
  const parts: { text: string; isBare: boolean }[] = [];
  const add = (text: string, isBare = false) => parts.push({ text, isBare });
  const looksBare = (value: unknown): value is string =>
    typeof value === "string" && value.length >= long && !special.test(value.slice(0, longText));
  let before = '{"data":{';
  for (const [mime, value] of Object.entries(data)) {
    add(`${before}${JSON.stringify(mime)}:`);
    if (looksBare(value)) {
      add('"');
      add(value, true);
      add('"');
    } else add(JSON.stringify(value));
    before = ",";
  }
  add(`${parts.length === 0 ? before : ""}},"metadata":${JSON.stringify(metadata)}}`);
  const sizes = parts.map(({ text }) => Buffer.byteLength(text));
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [i, { text, isBare }] of parts.entries()) {
    encoder.encodeInto(text, bytes.subarray(at));
    const end = at + sizes[i];
    if (isBare && !(sizes[i] === text.length && isWithoutEscapes(bytes, at, end))) return undefined;
    at = end;
  }
  return bytes;
}

/** Whether none of the ASCII bytes [from, to) is a quote, a backslash or below a space. */
function isWithoutEscapes(bytes: Uint8Array, from: number, to: number): boolean {
  const isPlain = (byte: number) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c;
  const [firstWord, lastWord] = [Math.ceil(from / 4), Math.floor(to / 4)];
  for (let i = from; i < Math.min(4 * firstWord, to); i++) if (!isPlain(bytes[i])) return false;
  const words = new Int32Array(bytes.buffer, 0, bytes.byteLength >> 2);
  // The highest bit of each byte of `found`: (v - n) & ~v, for bytes below n; v ^ b is 0 where a byte is b. A borrow only ever comes from a byte that is found.
  let found = 0;
  for (let i = firstWord; i < lastWord; i++) {
    const word = words[i];
    const quote = word ^ 0x22222222;
    const backslash = word ^ 0x5c5c5c5c;
    found |= (word - 0x20202020) & ~word;
    found |= (quote - 0x01010101) & ~quote;
    found |= (backslash - 0x01010101) & ~backslash;
  }
  if ((found & 0x80808080) !== 0) return false;
  for (let i = Math.max(from, 4 * lastWord); i < to; i++) if (!isPlain(bytes[i])) return false;
  return true;
}
