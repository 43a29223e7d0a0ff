/** Keeps guarded code between kernels: parsing all of lib takes longer than loading it. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";

/** To be raised whenever guard-code.ts makes something else of the same code. */
const version = 3;

/** One file for each module, which says of what code it was made. */
export class GuardCache {
  readonly #folder: string;

  /** @param root the clone */
  constructor(root: string) {
    this.#folder = path.join(root, ".vitrine", "kernel", "modules");
  }

  guarded(code: string, fileName: string): string {
    if (!/\bawait\b|\bcatch\b/.test(code)) return code;
    const cached = path.join(this.#folder, `${hash(fileName)}.js`);
    const head = `//${version} ${hash(code)}\n`;
    try {
      const text = readFileSync(cached, "utf8");
      if (text.startsWith(head)) return text.slice(head.length);
    } catch {
      // Not there yet.
    }
    // Loaded late: it brings a parser, which a kernel that only meets cached modules does without.
    const { guardCode } = require("./guard-code") as typeof import("./guard-code");
    const made = guardCode(code);
    const temporary = `${cached}.${process.pid}.tmp`;
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(temporary, head + made);
      renameSync(temporary, cached);
    } catch {
      // A clone that cannot be written to: made again next time.
    }
    return made;
  }
}

function hash(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
