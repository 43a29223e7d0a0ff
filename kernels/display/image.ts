/** Encoded pictures in a Buffer (as sharp returns them) shown as pictures. */
import type { MimeBundle } from "../executor/contract";

const signatures: readonly { mime: string; bytes: string }[] = [
  { mime: "image/png", bytes: "89504e470d0a1a0a" },
  { mime: "image/jpeg", bytes: "ffd8ff" },
  { mime: "image/gif", bytes: "47494638" },
];

/** Undefined for what is no encoded picture. */
export function imageBundle(value: unknown): MimeBundle | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const start = bytes.subarray(0, 8).toString("hex");
  const found = signatures.find((signature) => start.startsWith(signature.bytes));
  if (!found) return undefined;
  return { [found.mime]: bytes.toString("base64"), "text/plain": `${found.mime}, ${bytes.length} bytes` };
}
