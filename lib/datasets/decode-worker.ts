/** A thread that decodes pictures (started by decode-pool.ts): reading, decoding and resizing stay off the thread that computes. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import sharp from "sharp";
import { decodePicture, fitPicture, fittedJpeg, fittedSize } from "../io";
import type { DecodeAnswer, DecodeRequest, PictureSource } from "./decode-pool";

// The pool has a thread a core already.
sharp.concurrency(1);
sharp.cache(false);

parentPort?.on("message", (request: DecodeRequest) => {
  answer(request).then(
    (picture) => send({ job: request.job, picture }, [picture.data.buffer as ArrayBuffer]),
    (error: unknown) =>
      send({ job: request.job, error: error instanceof Error ? error.message : String(error) }, []),
  );
});

function send(message: DecodeAnswer, transfer: ArrayBuffer[]): void {
  parentPort?.postMessage(message, transfer);
}

async function answer({ name, source, geometry }: DecodeRequest) {
  const bytes = bytesOf(source, name);
  const fitted = geometry && fittedJpeg(bytes, geometry);
  if (fitted) return { ...fittedSize(geometry), data: ownBuffer(fitted) };
  const decoded = await decodePicture(bytes, { name });
  if (!geometry) return { width: decoded.width, height: decoded.height, data: ownBuffer(decoded.data) };
  return { ...fittedSize(geometry), data: ownBuffer(fitPicture(decoded, geometry)) };
}

function bytesOf(source: PictureSource, name: string): Uint8Array {
  if ("bytes" in source) return source.bytes;
  const { path, offset, length } = source;
  try {
    // This thread has nothing else to do: a promise costs three hand-overs to other threads.
    if (offset === undefined || length === undefined) return readFileSync(path);
    const bytes = new Uint8Array(length);
    const file = openSync(path, "r");
    try {
      let done = 0;
      for (let read = -1; done < length && read !== 0; done += read) {
        read = readSync(file, bytes, done, length - done, offset + done);
      }
      if (done < length) throw new Error(`only ${done} of ${length} bytes`);
    } finally {
      closeSync(file);
    }
    return bytes;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      `${name}: expected a picture in ${path}, got ${code ?? message} (do: fetch the file again)`,
    );
  }
}

/** The same bytes in a buffer of their own, which can be handed over whole. */
function ownBuffer(data: Uint8Array): Uint8Array {
  return data.byteLength === data.buffer.byteLength ? data : data.slice();
}
