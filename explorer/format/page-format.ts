/** The page's data: what the builder writes and the page reads. No DOM and no Node here, both sides import it. */

/** Raised when a page of today cannot read what was written before. */
export const FORMAT_VERSION = 3;

/** Measurements of a feature that the navigator sorts by, in the order of its menu. */
export const MEASURES = {
  density: { title: "density", unit: "share of pictures" },
  meanActivation: { title: "mean activation", unit: "activation units, where it fires" },
  entropy: { title: "label entropy", unit: "nats, top pictures" },
  mlpCosine: { title: "max MLP cosine", unit: "cosine" },
} as const;

export type Measure = keyof typeof MEASURES;

/** How many things are kept of each feature, and what they are measured in. */
export interface ChunkSizes {
  /** Strongest pictures. */
  top: number;
  /** Equal shares of a feature's firings by strength, and pictures out of each. */
  quantiles: number;
  perQuantile: number;
  /** Neighbours, by decoder vectors and by co-firing alike. */
  neighbours: number;
  /** Label names nearest by the logit lens. */
  lens: number;
  /** Bins of the histogram; edge i of them is 2^(log2Low + i / perOctave). */
  bins: number;
  log2Low: number;
  perOctave: number;
  /** Strongest pictures with a heatmap, and cells in a row of one. Where there are any, samples have one too. */
  heatmaps: number;
  heatmapSide: number;
  /** D, numbers of an encoder vector, and M, neurons of the block's MLP. */
  width: number;
  neurons: number;
}

/** `data/manifest.js`: the first file that is read. Keys: F features, N pictures kept, C label names. */
export interface Manifest extends ChunkSizes {
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
  sprite: SpriteLayout;
  /** The features that a single file holds whole; of the others it has the columns alone. Without it: all. */
  shared?: readonly number[];
}

/** Rows of `columns.cluster`: features that never fire, and the two bells of experiment 02's mixture, the one of weaker activations first. */
export const CLUSTERS = ["dead", "weaker", "stronger"] as const;

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
  /** Row of `CLUSTERS`. */
  cluster: Uint8Array;
  /** Row of `descriptionTexts`, -1 without. */
  description: Int32Array;
  /** Drop of cosine by ablation, less that by random features; the same with another feature's description. */
  descriptionScore: Float32Array;
  descriptionShuffled: Float32Array;
  /** Place in the atlas, from 0 to 1. */
  atlasX: Float32Array;
  atlasY: Float32Array;
  /** Zoom from which it stands for its cell of the atlas: 2^level cells in a row; 255 for none. */
  atlasLevel: Uint8Array;
  /** 1 where made/FEATURE.webp is there. */
  visualised: Uint8Array;
  /** The different descriptions. */
  descriptionTexts: readonly string[];
}

export const FEATURE_COLUMNS = [
  ...(Object.keys(MEASURES) as Measure[]),
  "label",
  "picture",
  "cluster",
  "description",
  "descriptionScore",
  "descriptionShuffled",
  "atlasX",
  "atlasY",
  "atlasLevel",
  "visualised",
] as const satisfies readonly (keyof FeatureColumns)[];

/** `data/pictures.js`: what is known of the pictures kept [N]. */
export interface PictureColumns {
  /** Row of `captionTexts`. */
  caption: Int32Array;
  /** The different captions: many pictures share one. */
  captionTexts: readonly string[];
  /** Row of `labelNames`, -1 for none. */
  label: Int32Array;
  /** Row of the data set. */
  row: Int32Array;
}

export const PICTURE_COLUMNS = [
  "caption",
  "label",
  "row",
] as const satisfies readonly (keyof PictureColumns)[];

/** The columns of pictures with these captions, labels and rows. */
export function pictureColumns(
  captions: readonly string[],
  known: Pick<PictureColumns, "label" | "row">,
): PictureColumns {
  const places = new Map<string, number>();
  const placeOf = (text: string) => {
    const place = places.get(text) ?? places.size;
    places.set(text, place);
    return place;
  };
  return { caption: Int32Array.from(captions, placeOf), captionTexts: [...places.keys()], ...known };
}

/** The caption of picture `picture`. */
export function captionOf({ caption, captionTexts }: PictureColumns, picture: number): string {
  return captionTexts[caption[picture]];
}

/** `data/features-I.js`: features I·chunk and on, n of them. Places that are not filled hold -1 and 0. */
export interface FeatureChunk {
  /** Pictures, strongest first [n·top], and activations there. */
  pictures: Int32Array;
  activations: Float32Array;
  /** Pictures out of each share of its firings, strongest share first [n·quantiles·perQuantile], and activations there. */
  samples: Int32Array;
  sampleActivations: Float32Array;
  /** Firings by activation [n·bins]. */
  histogram: Int32Array;
  /** Share of the activation that is lost when a cell is covered, in 255ths, of the strongest pictures [n·heatmaps·heatmapSide²]. */
  heatmaps: Uint8Array;
  /** The same of the samples [n·quantiles·perQuantile·heatmapSide²]; empty where `Manifest.heatmaps` is 0. */
  sampleHeatmaps: Uint8Array;
  /** Encoder vectors, each in 127ths of its largest number [n·width]. */
  encoder: Int8Array;
  /** Features with the nearest decoder vectors [n·neighbours], and cosines. */
  neighbours: Int32Array;
  neighbourCosines: Float32Array;
  /** Features that fire on the same pictures [n·neighbours]: pictures with both over pictures with either. */
  coFiring: Int32Array;
  coFiringShares: Float32Array;
  /** Label names nearest by the logit lens [n·lens], and cosines. */
  lens: Int32Array;
  lensCosines: Float32Array;
}

export const CHUNK_COLUMNS = [
  "pictures",
  "activations",
  "samples",
  "sampleActivations",
  "histogram",
  "heatmaps",
  "sampleHeatmaps",
  "encoder",
  "neighbours",
  "neighbourCosines",
  "coFiring",
  "coFiringShares",
  "lens",
  "lensCosines",
] as const satisfies readonly (keyof FeatureChunk)[];

/** `data/neurons.js`: output vectors of the MLP neurons of the hook point's block, each in 127ths of its largest number [M·D]. */
export interface Neurons {
  vectors: Int8Array;
}

/** What a person wrote: exported and imported as JSON, and `notes.json` beside a page that is served. */
export interface Notes {
  format: "vitrine-notes";
  version: 1;
  /** `Manifest.title`: what the notes are on. */
  title: string;
  /** By feature. */
  features: Record<string, FeatureNote>;
}

export interface FeatureNote {
  /** In the place of the automatic description. */
  description?: string;
  note?: string;
}

/** Longest description and note, characters. */
export const NOTE_LIMITS = { description: 200, note: 5000 } as const;

/** Notes out of parsed JSON; throws, saying what is wrong, for anything else. `features` bounds the numbers. */
export function readNotes(value: unknown, features: number): Notes {
  const notes = value as Notes | null;
  const fail = (got: string) => new Error(`notes: expected a file that this page exported, got ${got}`);
  if (notes?.format !== "vitrine-notes") throw fail("another kind of file");
  if (notes.version !== 1) throw fail(`version ${notes.version}`);
  if (typeof notes.features !== "object" || notes.features === null) throw fail("no features");
  const read: Record<string, FeatureNote> = {};
  for (const [name, entry] of Object.entries(notes.features)) {
    if (!(/^\d{1,9}$/.test(name) && Number(name) < features)) throw fail(`a feature "${name.slice(0, 20)}"`);
    const kept: FeatureNote = {};
    for (const field of ["description", "note"] as const) {
      const text: unknown = (entry as FeatureNote | null)?.[field];
      if (text === undefined) continue;
      if (typeof text !== "string" || text.length > NOTE_LIMITS[field])
        throw fail(
          `a ${field} of feature ${name} that is no text of at most ${NOTE_LIMITS[field]} characters`,
        );
      kept[field] = text;
    }
    read[name] = kept;
  }
  return { format: "vitrine-notes", version: 1, title: String(notes.title), features: read };
}

export type Column = Float32Array | Int32Array | Uint8Array | Int8Array;

/** Kinds of column, by the four letters that a column's text begins with. */
const KINDS = { "f32:": Float32Array, "i32:": Int32Array, "u8::": Uint8Array, "i8::": Int8Array } as const;

/** A column as text: "f32:", "i32:", "u8::" or "i8::" and base64 of its little-endian bytes. */
export function encodeColumn(column: Column): string {
  const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  let binary = "";
  // In pieces, because a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  const kind = Object.entries(KINDS).find(([, of]) => column instanceof of);
  return `${kind?.[0]}${btoa(binary)}`;
}

/** What `encodeColumn` made. */
export function decodeColumn(text: string): Column {
  const kind = text.slice(0, 4);
  if (!Object.hasOwn(KINDS, kind)) {
    throw new Error(
      `decodeColumn: expected ${Object.keys(KINDS).join(", ")}, got "${kind}" (do: build the page again)`,
    );
  }
  return new KINDS[kind as keyof typeof KINDS](bytesOfBase64(text.slice(4)).buffer);
}

/** By the browser where it can (ES2026), which is ten times as fast. */
function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (fromBase64) return fromBase64.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** A record as JSON, its typed arrays as encoded columns. */
export function packRecord(record: object): string {
  return JSON.stringify(record, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? encodeColumn(value as Column) : value,
  );
}

/** What `packRecord` made, once JSON is parsed: the named fields are typed arrays again, each decoded when it is first asked for. */
export function unpackRecord<T extends object>(record: object, columns: readonly (keyof T & string)[]): T {
  const out: Record<string, unknown> = { ...record };
  for (const name of columns) {
    const text = String(out[name]);
    let column: Column | undefined;
    const get = () => {
      column ??= decodeColumn(text);
      return column;
    };
    Object.defineProperty(out, name, { get, enumerable: true });
  }
  return out as T;
}
