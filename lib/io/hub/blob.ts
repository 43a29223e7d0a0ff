/** Fetches one file of the hub into the cache: resumed where it was cut, checked against its checksum, then renamed. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { HubError, type HubRequest, hubRequest, reasonOf } from "./request";

/** Times that a cut connection is taken up again without any byte more than before. */
const MOST_FRUITLESS = 5;

export interface BlobSource extends HubRequest {
  /** Where to get it. */
  address: string;
  /** Its name in the repository, for errors. */
  file: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of the contents for large files (LFS); for small ones git's SHA-1 of the blob. */
  checksum: { sha256: string } | { git: string };
  /** Longest silence of the server before the connection counts as cut, milliseconds. Default 30,000. */
  patience?: number;
  onBytes?: (count: number) => void;
}

/**
 * The file at `path` afterwards is whole and right. A part that an earlier run left under `path.incomplete` is kept and counted by
 * `onBytes`. Throws when the contents do not have their checksum, or when the connection is cut again and again.
 */
export async function fetchBlob(path: string, source: BlobSource): Promise<void> {
  const { size, file, id, onBytes = () => {} } = source;
  const incomplete = `${path}.incomplete`;
  await mkdir(dirname(path), { recursive: true });
  const handle = await open(incomplete, "a+").then(async (created) => {
    await created.close();
    return await open(incomplete, "r+"); // "a" would ignore positions
  });
  try {
    let done = (await handle.stat()).size;
    if (done > size) {
      await handle.truncate(0);
      done = 0;
    }
    let hash = await hashOf(incomplete, done, source);
    onBytes(done);
    for (let fruitless = 0; done < size; ) {
      const before = done;
      try {
        const { body, from } = await bodyFrom(source, done);
        if (from !== done) {
          onBytes(from - done); // the server starts over
          [done, hash] = [from, await hashOf(incomplete, from, source)];
        }
        for await (const chunk of patiently(body, source)) {
          if (done + chunk.length > size)
            throw new HubError(`${id}/${file}: expected ${size} bytes, got more`);
          await handle.write(chunk, 0, chunk.length, done);
          hash.update(chunk);
          done += chunk.length;
          onBytes(chunk.length);
        }
        if (done < size) throw new Error(`the connection ended after ${done} of ${size} bytes`);
      } catch (error) {
        source.signal?.throwIfAborted();
        if (error instanceof HubError) throw error;
        fruitless = done > before ? 0 : fruitless + 1;
        if (fruitless >= MOST_FRUITLESS) {
          throw new HubError(
            `${id}/${file}: expected ${size} bytes, got ${done}: ${reasonOf(error)} (do: run it again, it goes on from there)`,
          );
        }
      }
    }
    const [expected, got] = [
      "sha256" in source.checksum ? source.checksum.sha256 : source.checksum.git,
      hash.digest("hex"),
    ];
    if (got !== expected) {
      await rm(incomplete, { force: true });
      throw new HubError(
        `${id}/${file}: expected the checksum ${expected}, got ${got} (do: run it again; what came was thrown away)`,
      );
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(incomplete, path).catch((error: unknown) => {
    if (!existsSync(path)) throw error; // else another process finished the same file first
  });
}

/** The contents from byte `done` on, or from the start when the server gives no ranges. */
async function bodyFrom(
  source: BlobSource,
  done: number,
): Promise<{ body: ReadableStream<Uint8Array>; from: number }> {
  const range = done > 0 ? { range: `bytes=${done}-` } : undefined;
  let response = await hubRequest(source.address, source, { "accept-encoding": "identity", ...range });
  let from = 0;
  if (response.status === 206) {
    const [, start, total] =
      /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
    if (Number(start) === done && Number(total) === source.size) from = done;
    else {
      await response.body?.cancel();
      response = await hubRequest(source.address, source, { "accept-encoding": "identity" });
    }
  } else if (response.status === 416) {
    await response.body?.cancel();
    response = await hubRequest(source.address, source, { "accept-encoding": "identity" });
  }
  if (!response.body) throw new Error("an answer without contents");
  return { body: response.body as ReadableStream<Uint8Array>, from };
}

/** Chunks as they come; throws when the server is silent for too long. */
async function* patiently(
  body: ReadableStream<Uint8Array>,
  { patience = 30_000 }: BlobSource,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let timer: NodeJS.Timeout | undefined;
  try {
    while (true) {
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${patience / 1000} s of silence`)), patience);
      });
      const { done, value } = await Promise.race([reader.read(), silence]);
      clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {}); // the connection may be gone already
  }
}

/** The checksum so far: of the first `length` bytes that are there already. */
async function hashOf(path: string, length: number, { checksum, size }: BlobSource): Promise<Hash> {
  const hash = "sha256" in checksum ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  if (length > 0)
    for await (const part of createReadStream(path, { end: length - 1 })) hash.update(part as Buffer);
  return hash;
}
