/** What cells import: the notebook's folder first, then `<root>/notebooks`; the project's own modules follow their edits. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { GuardCache } from "./guard-cache";
import { HotModules } from "./hot-modules";
import { installPackageExports } from "./package-exports";

const { importModule } = require("../start/loader.js") as { importModule(address: string): Promise<object> };

export interface CellModulesOptions {
  /** The clone. */
  root: string;
  /** The folders in which relative imports are looked up. */
  bases: readonly string[];
  /** Modules that the kernel itself provides, by name. */
  builtIn: ReadonlyMap<string, unknown>;
}

export class CellModules {
  /** What cells call as `require`. */
  readonly require: NodeJS.Require;
  readonly #requires: readonly NodeJS.Require[];
  readonly #builtIn: ReadonlyMap<string, unknown>;
  readonly #hot: HotModules;
  /** Modules that only `import` can load, by file. */
  readonly #imported = new Map<string, unknown>();

  constructor({ root, bases, builtIn }: CellModulesOptions) {
    installPackageExports();
    const guards = new GuardCache(root);
    this.#hot = new HotModules({ root, transform: (code, fileName) => guards.guarded(code, fileName) });
    this.#requires = bases.map((folder) => createRequire(path.join(folder, "cell.ts")));
    this.#builtIn = builtIn;
    const [first] = this.#requires;
    const resolve = (name: string, options?: { paths?: string[] }) =>
      this.#chooseFor(name).resolve(name, options);
    resolve.paths = (name: string) => first.resolve.paths(name);
    this.require = Object.assign((name: string) => this.#load(name), {
      resolve,
      cache: first.cache,
      main: undefined,
      extensions: first.extensions,
    });
  }

  /** Before a cell: loads again what was edited. */
  refresh(): void {
    this.#hot.refresh();
  }

  /** Before a cell: loads those of its imports that have to be waited for. */
  async prepare(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const fileName = this.#builtIn.has(name) ? undefined : this.#fileOf(name);
      if (fileName && isOnlyForImport(fileName)) await this.#loadOrImport(name, fileName);
    }
  }

  /** `import(name)` in a cell. */
  async import(name: string): Promise<unknown> {
    const fileName = this.#builtIn.has(name) ? undefined : this.#fileOf(name);
    if (fileName && isOnlyForImport(fileName)) await this.#loadOrImport(name, fileName);
    return asNamespace(this.#load(name));
  }

  #load(name: string): unknown {
    if (this.#builtIn.has(name)) return this.#builtIn.get(name);
    const chosen = this.#chooseFor(name);
    const fileName = this.#fileOf(name) ?? name;
    return this.#imported.get(fileName) ?? this.#hot.exportsOf(fileName, () => chosen(name));
  }

  async #loadOrImport(name: string, fileName: string): Promise<void> {
    if (this.#imported.has(fileName)) return;
    try {
      this.#load(name);
    } catch (error) {
      // An `await` outside of functions, here or in a module that this one imports.
      if (!/Top-level await is currently not supported/.test(String(error))) throw error;
      this.#imported.set(fileName, asEsModule(await importModule(fileName)));
    }
  }

  #chooseFor(name: string): NodeJS.Require {
    return this.#requires.find((candidate) => resolved(candidate, name) !== undefined) ?? this.#requires[0];
  }

  #fileOf(name: string): string | undefined {
    for (const candidate of this.#requires) {
      const fileName = resolved(candidate, name);
      if (fileName !== undefined) return fileName;
    }
    return undefined;
  }
}

function resolved(candidate: NodeJS.Require, name: string): string | undefined {
  try {
    return candidate.resolve(name);
  } catch {
    return undefined;
  }
}

/** A package's ES module; TypeScript of the project is always loaded as CommonJS. */
function isOnlyForImport(fileName: string): boolean {
  if (/\.mjs$/.test(fileName)) return true;
  if (!/\.js$/.test(fileName)) return false;
  for (let folder = path.dirname(fileName); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    try {
      const text = readFileSync(path.join(folder, "package.json"), "utf8");
      return (JSON.parse(text) as { type?: string }).type === "module";
    } catch {
      // None in this folder.
    }
  }
  return false;
}

/** A namespace in the form that compiled imports expect. */
function asEsModule(namespace: object): object {
  const module = Object.defineProperty({}, "__esModule", { value: true });
  for (const name of Object.keys(namespace)) {
    const get = () => (namespace as Record<string, unknown>)[name];
    Object.defineProperty(module, name, { get, enumerable: true });
  }
  return module;
}

/** What `import()` resolves to for CommonJS: its exports by name, and all of them as the default. */
function asNamespace(exports: unknown): unknown {
  const isObject = (typeof exports === "object" && exports !== null) || typeof exports === "function";
  if (isObject && "__esModule" in exports) return exports;
  return { ...(isObject ? exports : {}), default: exports };
}
