/** Files that are written whole or not at all. */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Tells apart those that one process writes at the same time. */
let written = 0;

/** Writes `parts` one after the other to a temporary neighbour, syncs it, and renames it to `path`. */
export async function writeFileAtomic(path: string, parts: string | readonly Uint8Array[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.${written++}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      if (typeof parts === "string") await file.writeFile(parts);
      else for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
