/** Reduces a bundle to what can be sent. */
import type { Shown } from "../executor/contract";

/**
 * JSON's view of the bundle, copied, as functions and class instances cannot cross to the session's thread and the sender may change
 * it afterwards. Bytes become base64. Texts, which may be large, stay what they are.
 */
export function plain({ data, metadata }: Shown): Shown {
  const shown = Object.entries(data).flatMap(([mime, value]) => {
    const json = typeof value === "string" ? value : jsonOf(value);
    return json === undefined ? [] : [[mime, json]];
  });
  return { data: Object.fromEntries(shown), metadata: jsonOf(metadata) as Shown["metadata"] };
}

function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  }
  const text = JSON.stringify(value);
  return text === undefined ? undefined : JSON.parse(text);
}
