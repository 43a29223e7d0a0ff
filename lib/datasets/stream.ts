/** A data set as a stream of batches: in an order that follows from a seed, from any position on, decoded ahead of use in bounded memory. */
import { BlockShuffle } from "../io";
import { Random } from "../tensor";
import type { Dataset } from "./dataset";

export interface StreamOptions {
  /** Pictures a batch; the last one may have fewer. Default 64. */
  batch?: number;
  /** Place in the order to begin at: what an earlier stream's `next` said. Default 0. */
  from?: number;
  /** The order follows from it and `epoch`; without it pictures come as they are stored. */
  seed?: number;
  /** Default 0. */
  epoch?: number;
  /** Pictures of neighbouring blocks that are mixed, where the data set has blocks. Default 16,384. */
  window?: number;
  /** Batches that are decoded ahead of the one in use. Default 2. */
  ahead?: number;
}

export interface PictureBatch {
  /** Numbers of the pictures. */
  indices: number[];
  /** [indices.length, height, width, 3] RGB bytes. */
  pictures: Uint8Array;
  /** Pictures that could not be read and are left out, by number. */
  skipped: { index: number; id: string; reason: string }[];
  /** Where to go on: `from` of a stream that yields what comes after this batch. */
  next: number;
}

/** One pass through the set. The same set, seed, epoch and batch give the same batches, wherever the stream begins. */
export async function* streamPictures(
  dataset: Dataset,
  options: StreamOptions = {},
): AsyncGenerator<PictureBatch> {
  const { batch = 64, from = 0, ahead = 2 } = options;
  if (!Number.isInteger(from) || from < 0 || from > dataset.size)
    throw new Error(`streamPictures: expected a position from 0 to ${dataset.size}, got ${from}`);
  const rows = pictureOrder(dataset, options);
  const waiting: Promise<PictureBatch>[] = [];
  let asked = from;
  const ask = () => {
    if (asked >= dataset.size) return;
    const to = Math.min(asked + batch, dataset.size);
    const reading = readBatch(dataset, [...rows(asked, to)], to);
    reading.catch(() => {}); // is reported when its turn comes
    waiting.push(reading);
    asked = to;
  };
  for (let i = 0; i <= ahead; i++) ask();
  while (waiting.length > 0) {
    const ready = await (waiting.shift() as Promise<PictureBatch>);
    ask();
    yield ready;
  }
}

/** Picture numbers at places `from` to `to` of the order. */
function pictureOrder(
  { size, blocks }: Dataset,
  { seed, epoch = 0, window = 16384 }: StreamOptions,
): (from: number, to: number) => Iterable<number> {
  if (seed === undefined) return (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
  const random = new Random(`pictures/${seed}/${epoch}`);
  const order = new BlockShuffle(blocks ?? [{ first: 0, count: size }], blocks ? window : size, random);
  return (from, to) => order.rows(from, to);
}

async function readBatch(dataset: Dataset, asked: number[], next: number): Promise<PictureBatch> {
  const attempts = await dataset.attempt(asked);
  const [height, width] = dataset.pictureShape;
  const bytes = height * width * 3;
  const indices: number[] = [];
  const skipped: PictureBatch["skipped"] = [];
  const pictures = new Uint8Array(attempts.filter((attempt) => !(attempt instanceof Error)).length * bytes);
  attempts.forEach((attempt, n) => {
    if (attempt instanceof Error)
      skipped.push({ index: asked[n], id: dataset.record(asked[n]).id, reason: attempt.message });
    else pictures.set(attempt, indices.push(asked[n]) * bytes - bytes);
  });
  return { indices, pictures, skipped, next };
}
