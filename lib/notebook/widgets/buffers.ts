/** Binary parts of a widget's state travel beside its JSON: taken out with their paths, and put back. */
import type { Json } from "./comms";

/** Where a buffer belongs: keys and indices from the state inwards. */
export type BufferPath = (string | number)[];

export interface Packed {
  /** The state without its buffers: keys are left out, items of arrays are null. */
  state: Json;
  bufferPaths: BufferPath[];
  buffers: Uint8Array[];
}

export function takeBuffers(state: Json): Packed {
  const bufferPaths: BufferPath[] = [];
  const buffers: Uint8Array[] = [];
  const take = (value: unknown, path: BufferPath): unknown => {
    if (value instanceof Uint8Array) {
      bufferPaths.push(path);
      buffers.push(value);
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item, i) => take(item, [...path, i]) ?? null);
    if (typeof value !== "object" || value === null) return value;
    const kept = Object.entries(value).map(([key, inner]) => [key, take(inner, [...path, key])] as const);
    return Object.fromEntries(kept.filter(([, inner]) => inner !== undefined));
  };
  return { state: take(state, []) as Json, bufferPaths, buffers };
}

/** @throws TypeError when a path leads nowhere or a buffer is missing */
export function putBuffers(state: Json, paths: readonly BufferPath[], buffers: readonly Uint8Array[]): Json {
  if (buffers.length < paths.length) {
    throw new TypeError(`widgets: expected ${paths.length} buffers, got ${buffers.length}`);
  }
  const filled = structuredClone(state);
  for (const [i, path] of paths.entries()) {
    let holder: unknown = filled;
    for (const key of path.slice(0, -1)) holder = (holder as Json | undefined)?.[key];
    const last = path.at(-1);
    if (last === undefined || typeof holder !== "object" || holder === null) {
      throw new TypeError(`widgets: expected a place for a buffer at ${path.join(".")}, got none`);
    }
    (holder as Json)[last] = buffers[i];
  }
  return filled;
}
