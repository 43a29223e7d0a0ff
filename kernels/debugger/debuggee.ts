/**
 * The main thread's part of the debugger, loaded there when a debugger is turned on: tells of values as plain data, looks up
 * names, and stops before a file with breakpoints runs. Called through the inspector; see debuggee-client.ts.
 */
import Module from "node:module";
import { builtInBundle, displaySymbol, showValue } from "../display/bundle";
import type { Shown } from "../executor/contract";
import { scopeSymbol } from "../executor/scope";
import { hideWaiting } from "../executor/settlement";
import { copiesSymbol } from "./copies";
import { type ListedValue, type ListedVariable, Names, ValueList } from "./values";

type Compile = (this: unknown, code: string, fileName: string, ...rest: unknown[]) => unknown;
type Bindings = Record<string, unknown>;

const values = new ValueList();
const modules = Module.prototype as unknown as { _compile: Compile };
const compile = modules._compile;
let watched = new Set<string>();

export const debuggee = {
  attach(): void {
    modules._compile = function (code, fileName, ...rest) {
      if (watched.has(fileName)) announceModule(fileName, code);
      return compile.call(this, code, fileName, ...rest);
    };
  },

  detach(): void {
    modules._compile = compile;
    watched.clear();
    hideWaiting(false);
    values.release();
  },

  /** Files in which breakpoints are to be set before they run. */
  watch(fileNames: string[]): void {
    watched = new Set(fileNames);
  },

  hideWaiting,

  /** Lets go of every value that a front end could look into. */
  release(): void {
    values.release();
  },

  /** The names that cells share. */
  notebook(): ListedVariable[] {
    return values.inside(notebookReference());
  },

  notebookReference,

  list(value: unknown): ListedValue {
    return values.list(value);
  },

  inside(reference: number): ListedVariable[] {
    return values.inside(reference);
  },

  get(reference: number): unknown {
    return values.get(reference);
  },

  /** Scopes as one, inner ones first; of their names those that the person wrote. */
  mergeScopes(source: string | null, receiver: unknown, ...scopes: Bindings[]): number {
    const isWritten = source === null ? () => true : wordsOf(source);
    const merged = new Map<string, unknown>();
    if (receiver !== undefined && receiver !== globalThis) merged.set("this", receiver);
    for (const [name, value] of scopes.flatMap(ownEntries)) {
      if (!merged.has(name) && isWritten(name)) merged.set(name, value);
    }
    return values.keep(new Names(merged));
  },

  /**
   * For names that an expression mentions and no scope of the frame has, the JavaScript that reads them: imports are properties
   * of a module's object in compiled code, and names of other cells are properties of the notebook's scope.
   */
  bind(words: string[], ...scopes: Bindings[]): Record<string, string> {
    const notebook = notebookScope();
    const found: Record<string, string> = {};
    for (const word of words) {
      if (scopes.some((scope) => Object.hasOwn(scope, word))) continue;
      const imported = scopes
        .flatMap(ownEntries)
        .find(([name, value]) => isModuleName(name) && isObject(value) && word in value);
      if (imported) found[word] = `${imported[0]}.${word}`;
      else if (word in notebook) found[word] = `globalThis[Symbol.for("${scopeSymbol.description}")].${word}`;
    }
    return found;
  },

  /** Which of the scopes has the name; -1 for none. */
  indexOfScope(name: string, ...scopes: Bindings[]): number {
    return scopes.findIndex((scope) => Object.hasOwn(scope, name));
  },

  /** Writes to a property of what a reference stands for. */
  set(reference: number, name: string, value: unknown): void {
    const target = values.get(reference);
    if (target instanceof Names) notebookScope()[name] = value;
    else if (isObject(target)) target[name] = value;
  },

  /** Keeps a value until a cell makes it a name of the notebook. */
  copy(name: string, value: unknown): void {
    const all = globalThis as unknown as Record<symbol, Bindings | undefined>;
    all[copiesSymbol] ??= {};
    all[copiesSymbol][name] = value;
  },

  /** How the notebook would show a value. */
  async show(value: unknown): Promise<Shown | undefined> {
    return showValue(value);
  },

  /** The same while nothing can be waited for. */
  showNow(value: unknown): Shown {
    const own =
      isObject(value) && typeof value[displaySymbol] === "function" ? value[displaySymbol]() : undefined;
    const data = isObject(own) && !(own instanceof Promise) ? own : builtInBundle(value);
    return { data, metadata: {} };
  },
};

/** Stops the thread, for the adapter to set breakpoints in what is about to run. */
function announceModule(fileName: string, code: string): void {
  void [fileName, code];
  // biome-ignore lint/suspicious/noDebugger: this is the stop.
  debugger;
}

function notebookScope(): Bindings {
  return (globalThis as unknown as Record<symbol, Bindings>)[scopeSymbol];
}

function notebookReference(): number {
  return values.keep(new Names(new Map(ownEntries(notebookScope()))));
}

/** A name that cannot be read yet (its line was not reached) is left out. */
function ownEntries(scope: Bindings): [string, unknown][] {
  const entries: [string, unknown][] = [];
  for (const name of Object.keys(scope)) {
    try {
      entries.push([name, scope[name]]);
    } catch {
      // `let` and `const` before their line.
    }
  }
  return entries;
}

/** As TypeScript (`tensor_1`) and esbuild (`import_tensor`) call the object of an imported module. */
function isModuleName(name: string): boolean {
  return /^import_|_\d+$/.test(name);
}

function isObject(
  value: unknown,
): value is Record<string | symbol, unknown> & { [displaySymbol]?: () => unknown } {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function wordsOf(source: string): (name: string) => boolean {
  const words = new Set(source.match(/[\p{ID_Continue}$]+/gu));
  return (name) => words.has(name);
}
