/** Where training rows come from: rows that can be fetched by number, or rows that are made one after the other. */
import type { Random } from "../tensor";

/** Rows of activations that can be fetched by number. */
export interface ActivationSource {
  /** Number N of rows. */
  readonly rows: number;
  /** Width D of a row. */
  readonly width: number;
  /** Names the content, so that a run is not resumed on other data. */
  readonly contentHash?: string;
  /** Writes rows `indices` [n] to the front of `into` [n·D]. */
  gather(indices: Uint32Array, into: Float32Array): void | Promise<void>;
  /**
   * A random order of the rows that this source reads fast, the same for the same random state. Default: any order is as fast, and
   * rows come by `random.permutation`.
   */
  order?(random: Random): { rows(from: number, to: number): Uint32Array };
}

/** Rows of activations that a model makes as they are needed, in passes over its data. */
export interface ActivationProducer {
  /** Number N of rows of a pass. */
  readonly rows: number;
  /** Width D of a row. */
  readonly width: number;
  /** Names what is produced, so that a run is not resumed on other data. */
  readonly contentHash?: string;
  /**
   * Pass `pass` from its row `from` on, as blocks of whole rows [n·D] of any length. The same arguments give the same rows
   * whenever it is called; neighbouring rows should not be alike, as the buffer mixes only so far.
   */
  produce(pass: number, from: number): AsyncIterable<Float32Array>;
}

/** A source over rows in memory. `data` [N·D] is not copied. */
export function memorySource(data: Float32Array, width: number, contentHash?: string): ActivationSource {
  if (!(Number.isInteger(width) && width > 0 && data.length % width === 0 && data.length > 0)) {
    throw new Error(`memorySource: expected whole rows of width ${width}, got ${data.length} numbers`);
  }
  const rows = data.length / width;
  return {
    rows,
    width,
    contentHash,
    gather(indices, into) {
      for (let i = 0; i < indices.length; i++) {
        const row = indices[i];
        if (row >= rows) throw new Error(`memorySource: expected a row < ${rows}, got ${row}`);
        into.set(data.subarray(row * width, (row + 1) * width), i * width);
      }
    },
  };
}

/** Some rows of a source as a source of their own, a training or held-out part for instance. `rows` is not copied. */
export function rowsOfSource(source: ActivationSource, rows: Uint32Array, name: string): ActivationSource {
  const bad = rows.find((row) => row >= source.rows);
  if (rows.length === 0 || bad !== undefined) {
    throw new Error(`rowsOfSource: expected rows < ${source.rows}, got ${bad ?? "none"}`);
  }
  return {
    rows: rows.length,
    width: source.width,
    contentHash: `${source.contentHash ?? ""}:${name}`,
    gather: (indices, into) =>
      source.gather(
        Uint32Array.from(indices, (index) => rows[index]),
        into,
      ),
  };
}
