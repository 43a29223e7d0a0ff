/** Stamps: small JSON files, written last, that say which inputs a finished step was made from. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Writes a file in one step: a temporary name in the same folder, then a rename. */
export function writeAtomically(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Marks a step as finished: `inputs` are compared later, `notes` are only for reading. */
export function writeStamp(path, inputs, notes = {}) {
  writeAtomically(path, `${JSON.stringify({ inputs, notes }, null, 2)}\n`);
}

/** The stamp's content, or null where there is none that can be read. */
export function readStamp(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

/** True when the stamp was written for exactly these inputs and all outputs are still there. */
export function stampMatches(path, inputs, outputs) {
  const stamp = readStamp(path);
  return (
    stamp !== null &&
    JSON.stringify(stamp.inputs) === JSON.stringify(inputs) &&
    outputs.every((output) => existsSync(output))
  );
}

/** SHA-256 over the content of files and folders (read in a fixed order); what is missing counts as missing. */
export function hashFiles(paths) {
  const hash = createHash("sha256");
  const add = (path) => {
    if (!existsSync(path)) hash.update("\0missing");
    else if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (!ignored.test(name)) add(join(path, name));
    } else hash.update(`\0${path.split(/[\\/]/).at(-1)}\0`).update(readFileSync(path));
  };
  for (const path of paths) add(path);
  return hash.digest("hex").slice(0, 16);
}

const ignored = /^(__pycache__|node_modules|build|.*\.egg-info|.*\.(test|bench)\.(ts|mjs)|\..*)$/;
