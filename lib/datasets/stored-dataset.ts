/** Pictures in files of any format and size behind the `Dataset` interface: an index of where each one is, and decoding in threads. */
import { createHash } from "node:crypto";
import {
  fittedSize,
  geometryOf,
  type PictureGeometry,
  RESAMPLING,
  type RgbPicture,
  type RowRange,
} from "../io";
import type { Dataset, DatasetRecord, LabelColumn } from "./dataset";
import { decodeInPool, type PictureSource } from "./decode-pool";

/** What a storage format knows of its pictures. */
export interface PictureTable {
  name: string;
  size: number;
  /** Text that changes when any picture or label does. */
  fingerprint: string;
  id(i: number): string;
  /** "" where there is none. */
  caption(i: number): string;
  labels: Record<string, LabelColumn> & { class: LabelColumn };
  source(i: number): PictureSource | Promise<PictureSource>;
  /** Stretches of pictures that are read together; without them any order costs the same. */
  blocks?: readonly RowRange[];
}

export interface StoredOptions {
  /** What pictures are fitted to, as a model's `preprocessor` says. Default: the shorter side to 224, bicubic, and the centre. */
  geometry?: PictureGeometry;
  /**
   * Told of each picture that cannot be read, once; the run goes on with a white one in its place, and `corrupt` counts it. Without it such a picture
   * throws.
   */
  onCorrupt?: (id: string, reason: string) => void;
}

const DEFAULT_GEOMETRY: PictureGeometry = {
  do_resize: true,
  size: { shortest_edge: 224 },
  resample: RESAMPLING.bicubic,
  do_center_crop: true,
  crop_size: { height: 224, width: 224 },
};

export class StoredDataset implements Dataset {
  readonly name: string;
  readonly size: number;
  readonly hash: string;
  readonly pictureShape: readonly [number, number, number];
  readonly geometry: PictureGeometry;
  readonly classNames: readonly string[];
  readonly labels: Dataset["labels"];
  readonly blocks?: readonly RowRange[];
  /** Why each picture that could not be read could not, by number. */
  readonly corrupt = new Map<number, string>();

  constructor(
    private readonly table: PictureTable,
    private readonly options: StoredOptions = {},
  ) {
    this.geometry = geometryOf(options.geometry ?? DEFAULT_GEOMETRY);
    const { height, width } = fittedSize(this.geometry);
    this.pictureShape = [height, width, 3];
    this.name = table.name;
    this.size = table.size;
    this.labels = table.labels;
    this.classNames = table.labels.class.names;
    this.blocks = table.blocks;
    const what = JSON.stringify(this.geometry);
    this.hash = createHash("sha256").update(`${table.fingerprint}\n${what}`).digest("hex");
  }

  record(i: number): DatasetRecord {
    this.check(i);
    const labels = Object.entries(this.labels).map(([kind, { names, index }]): [string, string | null] => [
      kind,
      index[i] < 0 ? null : names[index[i]],
    ]);
    return { id: this.table.id(i), caption: this.table.caption(i), labels: Object.fromEntries(labels) };
  }

  async pictures(indices: ArrayLike<number>): Promise<Uint8Array> {
    const [height, width] = this.pictureShape;
    const bytes = height * width * 3;
    const all = new Uint8Array(indices.length * bytes);
    const { onCorrupt } = this.options;
    const attempts = await this.attempt(indices);
    attempts.forEach((attempt, n) => {
      const place = all.subarray(n * bytes, (n + 1) * bytes);
      if (attempt instanceof Uint8Array) place.set(attempt);
      else if (onCorrupt) place.fill(255);
      else throw attempt;
    });
    return all;
  }

  async attempt(indices: ArrayLike<number>): Promise<(Uint8Array | Error)[]> {
    return await Promise.all(
      Array.from(indices, async (i) => {
        this.check(i);
        try {
          return (await this.decode(i, this.geometry)).data;
        } catch (error) {
          if (!(error instanceof Error) || error.message.startsWith("internal:")) throw error;
          if (!this.corrupt.has(i)) {
            this.corrupt.set(i, error.message);
            this.options.onCorrupt?.(this.table.id(i), error.message);
          }
          return error;
        }
      }),
    );
  }

  async original(i: number): Promise<RgbPicture> {
    this.check(i);
    return await this.decode(i);
  }

  private async decode(i: number, geometry?: PictureGeometry): Promise<RgbPicture> {
    return await decodeInPool({ name: this.table.id(i), source: await this.table.source(i), geometry });
  }

  private check(i: number): void {
    if (!Number.isInteger(i) || i < 0 || i >= this.size)
      throw new Error(`${this.name}: expected a picture's number from 0 to ${this.size - 1}, got ${i}`);
  }
}

/** A column of labels out of each picture's name for it, or null. Without `names` those that occur, sorted. */
export function labelColumn(of: readonly (string | null)[], names?: readonly string[]): LabelColumn {
  const all = names ?? [...new Set(of.filter((name): name is string => name !== null))].sort();
  const rows = new Map(all.map((name, row) => [name, row]));
  return { names: all, index: Int32Array.from(of, (name) => (name === null ? -1 : (rows.get(name) ?? -1))) };
}
