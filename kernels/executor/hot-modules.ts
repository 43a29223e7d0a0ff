/**
 * The project's own modules (lib, and files beside the notebook) as cells hold them: what was edited is loaded again before the
 * next cell, with everything that imports it; all other modules keep their state.
 */
import { statSync } from "node:fs";
import Module from "node:module";
import path from "node:path";
import { isOwnCode } from "../start/own-code";

type Exports = Record<string, unknown>;
type Compile = (this: NodeJS.Module, code: string, fileName: string, ...rest: unknown[]) => unknown;

export interface HotModulesOptions {
  /** The clone. */
  root: string;
  /** Changes the JavaScript of an own module before it runs. */
  transform(code: string, fileName: string): string;
}

export class HotModules {
  readonly #root: string;
  readonly #views = new Map<string, View>();
  /** Of files as they were loaded. */
  readonly #stamps = new Map<string, string>();

  constructor({ root, transform }: HotModulesOptions) {
    this.#root = root;
    const prototype = Module.prototype as unknown as { _compile: Compile };
    const compile = prototype._compile;
    const prepare = (code: string, fileName: string) => {
      if (!this.#isOwn(fileName)) return code;
      this.#stamps.set(fileName, stampOf(fileName));
      return transform(code, fileName);
    };
    prototype._compile = function (code, fileName, ...rest) {
      return compile.call(this, prepare(code, fileName), fileName, ...rest);
    };
  }

  /** What a cell gets for a module: for an own one with named exports a view that follows its edits. */
  exportsOf(fileName: string, load: () => unknown): unknown {
    const view = this.#views.get(fileName);
    if (view) return view.open();
    const exports = load();
    if (!this.#isOwn(fileName) || !isEsModule(exports)) return exports;
    const made = new View(load as () => Exports);
    this.#views.set(fileName, made);
    return made.open();
  }

  /** Before a cell: loads again what was edited since it was loaded. */
  refresh(): void {
    const importers = this.#importers();
    const stale = new Set<string>();
    const add = (fileName: string) => {
      if (stale.has(fileName)) return;
      stale.add(fileName);
      for (const importer of importers.get(fileName) ?? []) add(importer);
    };
    for (const fileName of importers.keys()) {
      const stamp = stampOf(fileName);
      const loaded = this.#stamps.get(fileName);
      if (loaded === undefined) this.#stamps.set(fileName, stamp);
      else if (loaded !== stamp) add(fileName);
    }
    for (const fileName of stale) {
      delete require.cache[fileName];
      this.#stamps.delete(fileName);
      this.#views.get(fileName)?.forget();
    }
    for (const view of this.#views.values()) view.reload();
  }

  /** All own modules that are loaded and the own ones that import them. */
  #importers(): Map<string, Set<string>> {
    const importers = new Map<string, Set<string>>();
    const visit = (fileName: string, importer?: string) => {
      const known = importers.get(fileName);
      if (known) {
        if (importer) known.add(importer);
        return;
      }
      importers.set(fileName, new Set(importer ? [importer] : []));
      for (const { filename } of require.cache[fileName]?.children ?? []) {
        if (this.#isOwn(filename)) visit(filename, fileName);
      }
    };
    for (const fileName of this.#views.keys()) if (require.cache[fileName]) visit(fileName);
    return importers;
  }

  /** Packages, the kernel itself and cells stay as they are. */
  #isOwn(fileName: string): boolean {
    if (!path.isAbsolute(fileName) || fileName.includes(`${path.sep}node_modules${path.sep}`)) return false;
    // The guard of cells is put there by the compiler.
    return !isOwnCode(this.#root, fileName) && !/^\.cell-\d+\.ts$/.test(path.basename(fileName));
  }
}

/** Reads through to the newest exports of one module. */
class View {
  readonly #load: () => Exports;
  readonly #names: Exports = Object.defineProperty({}, "__esModule", { value: true });
  #exports: Exports | undefined;

  constructor(load: () => Exports) {
    this.#load = load;
  }

  forget(): void {
    this.#exports = undefined;
  }

  open(): Exports {
    this.#current();
    return this.#names;
  }

  /** An error of the module waits for the cell that uses it. */
  reload(): void {
    try {
      this.#current();
    } catch {
      // Told by the getters below.
    }
  }

  #current(): Exports {
    if (this.#exports) return this.#exports;
    this.#exports = this.#load();
    for (const name of Object.keys(this.#names)) {
      if (!Object.hasOwn(this.#exports, name)) delete this.#names[name];
    }
    for (const name of Object.keys(this.#exports)) {
      const get = () => this.#current()[name];
      Object.defineProperty(this.#names, name, { get, enumerable: true, configurable: true });
    }
    return this.#exports;
  }
}

function isEsModule(exports: unknown): exports is Exports {
  return typeof exports === "object" && exports !== null && "__esModule" in exports;
}

function stampOf(fileName: string): string {
  const stat = statSync(fileName, { throwIfNoEntry: false });
  return stat ? `${stat.mtimeMs} ${stat.size}` : "gone";
}
