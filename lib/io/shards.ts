/** Shards: files of equally long binary records without a header, so that anything can memory-map them. */
import { createHash } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "./atomic";

/** One shard file in a table of shards. */
export interface Shard {
  /** File name in the shards' folder. */
  file: string;
  /** Number of the first record in it. */
  first: number;
  /** Number of records in it. */
  count: number;
  /** Length of the file. */
  bytes: number;
  /** Hexadecimal SHA-256 of the file. */
  sha256: string;
}

/** Hexadecimal SHA-256 of bytes or text. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Writes one shard atomically and returns its row of the table. */
export async function writeShard(
  dir: string,
  file: string,
  first: number,
  count: number,
  data: Uint8Array,
): Promise<Shard> {
  await writeFileAtomic(join(dir, file), [data]);
  return { file, first, count, bytes: data.length, sha256: sha256(data) };
}

/** Reads one shard whole. Throws if it is missing or its length or, with `verify`, its checksum is wrong. */
export async function readShard(dir: string, shard: Shard, { verify = false } = {}): Promise<Uint8Array> {
  const data = await readFile(join(dir, shard.file)).catch((error: NodeJS.ErrnoException) => {
    throw shardError(dir, shard, `a file of ${shard.bytes} bytes`, error.code ?? error.message);
  });
  if (data.length !== shard.bytes) {
    throw shardError(dir, shard, `a file of ${shard.bytes} bytes`, `${data.length} bytes`);
  }
  if (verify && sha256(data) !== shard.sha256) {
    throw shardError(dir, shard, `SHA-256 ${shard.sha256}`, sha256(data));
  }
  return data;
}

/** The first shard of a table whose file is missing or has the wrong length, or null: reads no contents. */
export async function findBrokenShard(dir: string, shards: readonly Shard[]): Promise<Shard | null> {
  const sizes = await Promise.all(
    shards.map((shard) =>
      stat(join(dir, shard.file)).then(
        (info) => info.size,
        () => -1,
      ),
    ),
  );
  return shards.find((shard, i) => sizes[i] !== shard.bytes) ?? null;
}

/** Reads every shard into one array: [records, recordBytes] bytes. */
export async function readAllShards(dir: string, shards: readonly Shard[]): Promise<Uint8Array> {
  const all = new Uint8Array(shards.reduce((sum, shard) => sum + shard.bytes, 0));
  let offset = 0;
  for (const shard of shards) {
    const part = all.subarray(offset, offset + shard.bytes);
    const handle = await openShard(dir, shard);
    try {
      await readFully(handle, part, 0, dir, shard);
    } finally {
      await handle.close();
    }
    offset += shard.bytes;
  }
  return all;
}

/** Reads records by number, in the order asked for (repeats allowed): [indices.length, recordBytes] bytes. */
export async function readRecords(
  dir: string,
  shards: readonly Shard[],
  recordBytes: number,
  indices: ArrayLike<number>,
): Promise<Uint8Array> {
  const records = new Uint8Array(indices.length * recordBytes);
  /** Places in `indices` by the shard that holds them. */
  const wanted = new Map<Shard, number[]>();
  for (let place = 0; place < indices.length; place++) {
    const index = indices[place];
    const shard = shards.find((s) => index >= s.first && index < s.first + s.count);
    if (!shard || !Number.isInteger(index)) {
      const size = shards.reduce((sum, s) => sum + s.count, 0);
      throw new Error(`readRecords: expected record numbers from 0 to ${size - 1}, got ${index}`);
    }
    const places = wanted.get(shard);
    if (places) places.push(place);
    else wanted.set(shard, [place]);
  }
  for (const [shard, places] of wanted) {
    const handle = await openShard(dir, shard);
    try {
      for (const place of places) {
        const record = records.subarray(place * recordBytes, (place + 1) * recordBytes);
        await readFully(handle, record, (indices[place] - shard.first) * recordBytes, dir, shard);
      }
    } finally {
      await handle.close();
    }
  }
  return records;
}

type Handle = Awaited<ReturnType<typeof open>>;

async function openShard(dir: string, shard: Shard): Promise<Handle> {
  return await open(join(dir, shard.file), "r").catch((error: NodeJS.ErrnoException) => {
    throw shardError(dir, shard, `a file of ${shard.bytes} bytes`, error.code ?? error.message);
  });
}

async function readFully(
  handle: Handle,
  into: Uint8Array,
  position: number,
  dir: string,
  shard: Shard,
): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) {
      throw shardError(dir, shard, `a file of ${shard.bytes} bytes`, `only ${position + done} bytes`);
    }
    done += bytesRead;
  }
}

function shardError(dir: string, shard: Shard, expected: string, got: string): Error {
  const path = join(dir, shard.file);
  return new Error(`${path}: expected ${expected}, got ${got} (delete the file and prepare the data again)`);
}
