/** The page's data: what the builder writes and the page reads. No DOM and no Node here, both sides import it. */

/** Raised when a page of today cannot read what was written before. */
export const FORMAT_VERSION = 1;

/** Measurements of a feature that the navigator sorts by, in the order of its menu. */
export const MEASURES = {
  density: { title: "density", unit: "share of pictures" },
  meanActivation: { title: "mean activation", unit: "activation units, where it fires" },
  entropy: { title: "label entropy", unit: "nats, top pictures" },
  mlpCosine: { title: "max MLP cosine", unit: "cosine" },
} as const;

export type Measure = keyof typeof MEASURES;

/** `data/manifest.js`: the first file that is read. Keys: F features, N pictures kept, C label names. */
export interface Manifest {
  version: number;
  /** What the page is of. */
  title: string;
  model: string;
  dataset: string;
  hookPoint: string;
  architecture: string;
  /** F */
  features: number;
  /** Pictures that the statistics are over. */
  measuredPictures: number;
  /** N, those that are among some feature's strongest. */
  pictures: number;
  /** Kind of label, as "subgroup". */
  label: string;
  /** Label names [C]. */
  labelNames: readonly string[];
  /** The text whose embedding a name's is, with {} for the name. */
  prompt: string;
  /** Features a chunk file. */
  chunk: number;
  /** Strongest pictures, neighbours and lens names kept for each feature. */
  top: number;
  neighbours: number;
  lens: number;
  sprite: SpriteLayout;
}

/** Picture p is tile p mod (columns²) of sprite floor(p / columns²), row by row. */
export interface SpriteLayout {
  /** Tiles in a row, and rows. */
  columns: number;
  /** Edge of a tile, pixels. */
  tile: number;
}

/** `data/columns.js`: a value for each feature [F]; NaN where it is not defined. */
export interface FeatureColumns extends Record<Measure, Float32Array> {
  /** Row of `labelNames` that most of its strongest pictures carry, -1 without any. */
  label: Int32Array;
  /** Its strongest picture, -1 for a dead feature. */
  picture: Int32Array;
}

/** `data/pictures.js`: what is known of the pictures kept [N]. */
export interface PictureColumns {
  captions: readonly string[];
  /** Row of `labelNames`, -1 for none. */
  label: Int32Array;
  /** Row of the data set. */
  row: Int32Array;
}

/** `data/features-I.js`: features I·chunk and on, n of them. Places that are not filled hold -1 and 0. */
export interface FeatureChunk {
  /** Pictures, strongest first [n·top], and activations there. */
  pictures: Int32Array;
  activations: Float32Array;
  /** Features with the nearest decoder vectors [n·neighbours], and cosines. */
  neighbours: Int32Array;
  neighbourCosines: Float32Array;
  /** Label names nearest by the logit lens [n·lens], and cosines. */
  lens: Int32Array;
  lensCosines: Float32Array;
}

/** A column as text: "f32:" or "i32:" and base64 of its little-endian bytes. */
export function encodeColumn(column: Float32Array | Int32Array): string {
  const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  let binary = "";
  // In pieces, because a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return `${column instanceof Float32Array ? "f32" : "i32"}:${btoa(binary)}`;
}

/** What `encodeColumn` made. */
export function decodeColumn(text: string): Float32Array | Int32Array {
  const kind = text.slice(0, 4);
  if (kind !== "f32:" && kind !== "i32:") {
    throw new Error(`decodeColumn: expected f32: or i32:, got "${kind}" (do: build the page again)`);
  }
  const binary = atob(text.slice(4));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return kind === "f32:" ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer);
}

/** A record as JSON, its typed arrays as encoded columns. */
export function packRecord(record: object): string {
  return JSON.stringify(record, (_, value: unknown) =>
    value instanceof Float32Array || value instanceof Int32Array ? encodeColumn(value) : value,
  );
}

/** What `packRecord` made, once JSON is parsed: the named fields become typed arrays again. */
export function unpackRecord<T extends object>(record: object, columns: readonly (keyof T & string)[]): T {
  const out: Record<string, unknown> = { ...record };
  for (const name of columns) out[name] = decodeColumn(String(out[name]));
  return out as T;
}
