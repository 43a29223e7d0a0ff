/**
 * Lets `require` find packages that say only where `import` finds them: the loader then makes CommonJS of them, and lib and
 * cells get the same copy.
 */
import { readFileSync } from "node:fs";
import Module from "node:module";
import path from "node:path";

type Exports = string | null | undefined | Exports[] | { [key: string]: Exports };
type Resolve = (
  this: unknown,
  request: string,
  parent: { paths?: string[] } | undefined,
  ...rest: unknown[]
) => string;

const conditions = new Set(["import", "node", "module-sync", "default"]);

export function installPackageExports(): void {
  const modules = Module as unknown as { _resolveFilename: Resolve };
  const resolve = modules._resolveFilename;
  modules._resolveFilename = function (request, parent, ...rest) {
    try {
      return resolve.call(this, request, parent, ...rest);
    } catch (error) {
      const isHidden = (error as NodeJS.ErrnoException).code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
      const found = isHidden ? findImport(request, parent?.paths ?? []) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  };
}

/** The file that `import` would load. */
function findImport(request: string, folders: readonly string[]): string | undefined {
  const [, name, subpath] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(request) ?? [];
  if (name === undefined) return undefined;
  for (const folder of folders) {
    const packageFolder = path.join(folder, name);
    let text: string;
    try {
      text = readFileSync(path.join(packageFolder, "package.json"), "utf8");
    } catch {
      continue; // Not in this folder.
    }
    const { exports } = JSON.parse(text) as { exports?: Exports };
    const file = exportedFile(exports, `.${subpath}`);
    return file === undefined ? undefined : path.join(packageFolder, file);
  }
  return undefined;
}

/** The file of a subpath (`.`, `./sub`) in a package's `exports`, by Node's rules for `import`. */
export function exportedFile(exports: Exports, subpath: string): string | undefined {
  const hasSubpaths =
    isRecord(exports) && Object.keys(exports).length > 0 && Object.keys(exports)[0].startsWith(".");
  const paths = hasSubpaths ? (exports as Record<string, Exports>) : { ".": exports };
  if (Object.hasOwn(paths, subpath)) return target(paths[subpath], "");
  let best: { key: string; star: string } | undefined;
  for (const key of Object.keys(paths)) {
    const [before, after] = key.split("*");
    if (after === undefined || !subpath.startsWith(before) || !subpath.endsWith(after)) continue;
    if (subpath.length < key.length - 1 || (best && best.key.indexOf("*") >= before.length)) continue;
    best = { key, star: subpath.slice(before.length, subpath.length - after.length) };
  }
  return best && target(paths[best.key], best.star);
}

function target(exports: Exports, star: string): string | undefined {
  if (typeof exports === "string") return exports.replaceAll("*", star);
  if (Array.isArray(exports)) return first(exports, (option) => target(option, star));
  if (!isRecord(exports)) return undefined;
  const matching = Object.entries(exports).filter(([condition]) => conditions.has(condition));
  return first(matching, ([, option]) => target(option, star));
}

function first<T>(options: readonly T[], find: (option: T) => string | undefined): string | undefined {
  for (const option of options) {
    const found = find(option);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, Exports> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
