/** The set-up's lock: one set-up at a time in a clone; a lock whose process is gone is taken over with its children ended. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDiskFull } from "./failure.mjs";
import { writeAtomically } from "./stamp.mjs";

/** When the process started, as the system tells it; null when there is no such process. */
export function processStart(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : fields[19];
  } catch {
    if (process.platform === "linux") return null;
    const shown = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).stdout?.trim();
    return shown || null;
  }
}

/**
 * Takes the lock, waiting while another live process holds it.
 * @param {string} path
 * @param {(pid: number) => void} onWait called once, when another set-up has to be waited for
 */
export async function takeLock(path, onWait = () => {}) {
  mkdirSync(dirname(path), { recursive: true });
  const owner = { id: randomUUID(), pid: process.pid, start: processStart(process.pid), children: [] };
  const offer = `${path}.${owner.id}`;
  writeFileSync(offer, JSON.stringify(owner));
  try {
    let told = false;
    while (!tryLink(offer, path)) {
      const holder = readHolder(path);
      if (holder && isAlive(holder)) {
        if (!told) onWait(holder.pid);
        told = true;
        await sleep(200);
      } else if (holder) await removeStale(path, holder);
      else await sleep(20);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  return new SetupLock(path, owner);
}

/** The lock while it is held; it knows the set-up's child processes, so that a successor can end them. */
class SetupLock {
  #path;
  #owner;

  constructor(path, owner) {
    this.#path = path;
    this.#owner = owner;
  }

  addChild(pid) {
    this.#owner.children.push({ pid, start: processStart(pid) });
    this.#write();
  }

  removeChild(pid) {
    this.#owner.children = this.#owner.children.filter((child) => child.pid !== pid);
    this.#write();
  }

  /** On a full disk the last list of children stays: an ended child in it does no harm, its start time gives it away. */
  #write() {
    try {
      writeAtomically(this.#path, JSON.stringify(this.#owner));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  release() {
    if (readHolder(this.#path)?.id === this.#owner.id) rmSync(this.#path, { force: true });
  }
}

function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return null;
    return { pid: 0, start: null, children: [] };
  }
}

function isAlive({ pid, start }) {
  return start !== null && processStart(pid) === start;
}

/** Moves a dead owner's lock aside (a rename: only one successor gets it) and ends the children it left. */
async function removeStale(path, holder) {
  const aside = `${path}.${randomUUID()}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved && isAlive(moved)) {
    // Somebody else was quicker and holds it by now: give it back.
    tryLink(aside, path);
    unlinkSync(aside);
    return;
  }
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    const left = (holder.children ?? []).filter(isAlive);
    for (const { pid } of left) endProcess(pid, signal);
    for (let i = 0; i < 30 && left.some(isAlive); i++) await sleep(100);
  }
  rmSync(aside, { force: true });
}

function endProcess(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    try {
      process.kill(pid, signal);
    } catch {
      // it ended by itself
    }
  }
}
