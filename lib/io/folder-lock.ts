/** One process at a time writes to a folder. The set-up's lock (cli/setup/lock.mjs) is of the same kind; neither side may import the other. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Holder {
  pid: number;
  /** When it started, as the system counts; null where the system does not say. */
  start: string | null;
  /** Of this taking. */
  number: number;
}

const NAME = "in-use.json";
let taken = 0;

/**
 * Takes a folder for this process until the function that it returns is called. What a process that is gone has left, or this one itself, is taken over.
 * Throws when another process has the folder.
 */
export function takeFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, NAME);
  const own: Holder = { pid: process.pid, start: startOf(process.pid), number: taken++ };
  // A link makes it appear with its text, or not at all where there is one.
  const offer = `${path}.${own.pid}.${own.number}.tmp`;
  writeFileSync(offer, JSON.stringify(own));
  try {
    while (!tryLink(offer, path)) {
      const holder = holderOf(path);
      if (holder && isAnother(holder)) {
        throw new Error(
          `${folder}: expected a folder that no other process writes to, got one that process ${holder.pid} works in (do: wait until it has ended, and run again)`,
        );
      }
      removeStale(path, `${offer}.stale`);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  return () => {
    const holder = holderOf(path);
    if (holder?.pid === own.pid && holder.number === own.number) rmSync(path, { force: true });
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function holderOf(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined; // gone meanwhile, or not ours
  }
}

/** Moves it aside first: should a successor have taken the folder since it was looked at, that one gets it back. */
function removeStale(path: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = holderOf(aside);
  if (moved && isAnother(moved)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

/** Whether that is another process, which lives. */
function isAnother({ pid, start }: Holder): boolean {
  if (pid === process.pid) return false;
  if (process.platform === "linux") return start !== null && startOf(pid) === start;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A number that another process of the same pid would not have; null for one that has ended. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : fields[19];
  } catch {
    return null;
  }
}
