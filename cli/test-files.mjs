/** Finds test and benchmark files; listed by ourselves, because Node 20 and 22 read `--test` patterns differently. */
import { readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const skipped = new Set([
  "node_modules",
  ".venv",
  ".git",
  ".vitrine",
  "prepared",
  "rendered",
  "cache",
  "__pycache__",
]);

/**
 * Paths relative to the root, sorted.
 * @param {string} root
 * @param {RegExp} pattern of a file's name
 * @param {string[]} [only] files or folders (relative to the root, or to where the command was given): nothing means all
 */
export function findFiles(root, pattern, only = []) {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !skipped.has(entry.name)) walk(path);
      else if (entry.isFile() && pattern.test(entry.name)) found.push(relative(root, path));
    }
  };
  walk(root);
  const wanted = only.map((path) => relative(root, resolve(root, path)));
  const matches = (file) =>
    wanted.length === 0 ||
    wanted.some(
      (path) => path === "" || file === path || file.startsWith(`${path}/`) || file.startsWith(`${path}.`),
    );
  return found.filter(matches).sort();
}
