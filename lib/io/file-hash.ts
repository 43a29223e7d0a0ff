/** SHA-256 of large files, remembered: hashing two gigabytes takes seconds, and nothing changes between runs. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeFileAtomic } from "./atomic";
import { cacheFolder } from "./cache-folder";

/** Below this many bytes a file is hashed each time. */
const REMEMBERED = 16 << 20;

interface Note {
  bytes: number;
  modified: number;
  sha256: string;
}

/**
 * Hexadecimal SHA-256 of a file. That of a blob in the Hugging Face cache is its name, checked when it was fetched; that of another large file
 * is remembered in `.vitrine/hashes` for as long as its length and time of change stay the same.
 */
export async function fileSha256(path: string): Promise<string> {
  const real = await realpath(path);
  if (basename(dirname(real)) === "blobs" && /^[0-9a-f]{64}$/.test(basename(real))) return basename(real);
  const { size, mtimeMs } = await stat(real);
  if (size < REMEMBERED) return await hashFile(real);
  const note = join(cacheFolder("hashes"), `${createHash("sha256").update(real).digest("hex")}.json`);
  const known = await readFile(note, "utf8").then(
    (text) => JSON.parse(text) as Note,
    () => undefined, // not hashed before
  );
  if (known?.bytes === size && known.modified === mtimeMs) return known.sha256;
  const sha256 = await hashFile(real);
  await writeFileAtomic(note, JSON.stringify({ bytes: size, modified: mtimeMs, sha256 } satisfies Note));
  return sha256;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest("hex");
}
