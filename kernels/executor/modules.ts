/** `require` for cells: the notebook's folder first, then `<root>/notebooks`; lib's TypeScript loads as itself, once. */
import { createRequire } from "node:module";
import path from "node:path";

/** Modules that the kernel itself provides, by name. */
export type BuiltInModules = ReadonlyMap<string, unknown>;

export function createCellRequire(bases: readonly string[], builtIn: BuiltInModules): NodeJS.Require {
  const requires = bases.map((folder) => createRequire(path.join(folder, "cell.ts")));
  const choose = (name: string): NodeJS.Require => {
    const able = requires.find((candidate) => canResolve(candidate, name));
    return able ?? requires[0];
  };
  const cellRequire = (name: string) => (builtIn.has(name) ? builtIn.get(name) : choose(name)(name));
  const resolve = (name: string, options?: { paths?: string[] }) => choose(name).resolve(name, options);
  resolve.paths = (name: string) => requires[0].resolve.paths(name);
  return Object.assign(cellRequire, {
    resolve,
    cache: requires[0].cache,
    main: undefined,
    extensions: requires[0].extensions,
  });
}

function canResolve(candidate: NodeJS.Require, name: string): boolean {
  try {
    candidate.resolve(name);
    return true;
  } catch {
    return false;
  }
}
