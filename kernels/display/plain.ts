/** Reduces a bundle to what can be sent. */
import type { Shown } from "../executor/contract";

/** JSON's view of the bundle: functions and class instances cannot cross to the session's thread. Bytes become base64. */
export function plain(shown: Shown): Shown {
  const asBase64 = (value: unknown) =>
    value instanceof Uint8Array
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
      : value;
  const data = Object.fromEntries(Object.entries(shown.data).map(([mime, value]) => [mime, asBase64(value)]));
  return JSON.parse(JSON.stringify({ data, metadata: shown.metadata })) as Shown;
}
