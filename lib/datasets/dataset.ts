/** What every set of pictures offers, whatever it is stored as: labels as columns, records, pictures as bytes. */
import type { PictureGeometry, RgbPicture, RowRange } from "../io";

/** One kind of label of every picture, as "class" or "style". */
export interface LabelColumn {
  /** Names of the labels; a picture's name is names[index[i]]. */
  names: readonly string[];
  /** [N] row of `names` of each picture, or -1 for none. */
  index: Int32Array;
}

/** What is known of one picture. */
export interface DatasetRecord {
  /** Stable name of the picture in its set, as "twemoji/grinning-face". */
  id: string;
  /** A few words that say what it shows. */
  caption: string;
  /** Its label of each kind, or null. */
  labels: Readonly<Record<string, string | null>>;
}

/** A set of N labelled pictures, given out in one size. */
export interface Dataset<R extends DatasetRecord = DatasetRecord> {
  /** Name of the set, as "emoji". */
  readonly name: string;
  /** N, the number of pictures. */
  readonly size: number;
  /** Hexadecimal content hash: equal for equal pictures, labels and split; what caches are named by. */
  readonly hash: string;
  /** Height, width and channels of every picture that `pictures` gives out. */
  readonly pictureShape: readonly [number, number, number];
  /** What `pictures` has fitted the stored ones to; undefined where they are given out as they are stored. */
  readonly geometry?: PictureGeometry;
  /** Stretches of pictures that are read together, as shards: an order that stays within few of them is faster. Default: all alike. */
  readonly blocks?: readonly RowRange[];
  /** Names of the classes that zero-shot classification chooses from: labels.class.names. */
  readonly classNames: readonly string[];
  /** Label columns by kind; "class" is always there. */
  readonly labels: Readonly<Record<string, LabelColumn>> & { readonly class: LabelColumn };
  /** What is known of picture i. Throws if i is not a whole number from 0 to size - 1. */
  record(i: number): R;
  /** Pictures in the order asked for: [indices.length, height, width, 3] RGB bytes, row by row. */
  pictures(indices: ArrayLike<number>): Promise<Uint8Array>;
  /** As `pictures`, each one by itself: [height, width, 3] bytes, or the error that names it when it cannot be read. */
  attempt(indices: ArrayLike<number>): Promise<(Uint8Array | Error)[]>;
  /** Picture i in the size that it is stored in. Throws, naming it, when it cannot be read. */
  original(i: number): Promise<RgbPicture>;
}
