/** Runs compiled cells one at a time in this thread, with their names kept between cells. */
import Module from "node:module";
import path from "node:path";
import { type CompiledCell, scopeModule } from "../compiler";
import { showValue } from "../display";
import type { RunResult } from "./contract";
import { type Interrupter, KeyboardInterrupt } from "./interrupt";
import { createCellRequire } from "./modules";
import { type Accessor, type Declared, Scope } from "./scope";
import { settled } from "./settlement";
import { describeError, type TracedCell } from "./traceback";

export interface ExecutorOptions {
  /** The clone. */
  root: string;
  /** Folders in which relative imports of cells are looked up. */
  importBases: readonly string[];
  interrupter: Interrupter;
  /** Modules that cells may import by name without their being installed. */
  builtInModules: ReadonlyMap<string, unknown>;
}

/** What the code of a cell calls; see compiler/emit.ts. */
interface CellRuntime {
  declare(accessors: Readonly<Record<string, Accessor>>): void;
  turn(): number;
  resume<T>(turn: number, value: T): T;
}

type CellFunction = (
  exports: object,
  require: NodeJS.Require,
  module: object,
  fileName: string,
  folder: string,
  cell: CellRuntime,
) => Promise<[unknown] | undefined>;

/** Tracebacks of functions that older cells declared still show their lines. */
const tracedCells = 500;

export class Executor {
  readonly #root: string;
  readonly #interrupter: Interrupter;
  readonly #scope = new Scope();
  readonly #require: NodeJS.Require;
  readonly #traced = new Map<string, TracedCell>();
  #stop: ((reason: Error) => void) | undefined;

  constructor({ root, importBases, interrupter, builtInModules }: ExecutorOptions) {
    this.#root = root;
    this.#interrupter = interrupter;
    const builtIn = new Map([...builtInModules, [scopeModule, this.#scope.values]]);
    this.#require = createCellRequire(importBases, builtIn);
  }

  /** Runs a cell to its end, its error or its interruption; the promise is never rejected. */
  async run(cell: CompiledCell, label: string): Promise<RunResult> {
    this.#trace(cell, label);
    this.#interrupter.begin();
    let declared: Declared | undefined;
    const runtime: CellRuntime = {
      declare: (accessors) => {
        declared = this.#scope.declare(accessors);
      },
      turn: () => this.#interrupter.turn,
      resume: (turn, value) => {
        if (turn !== this.#interrupter.turn) throw new KeyboardInterrupt();
        return value;
      },
    };
    const stopped = new Promise<never>((_, reject) => {
      this.#stop = reject;
    });
    try {
      const result = await Promise.race([this.#evaluate(cell, runtime), stopped]);
      const liveNames = declared?.settle() ?? [];
      return { status: "ok", result, liveNames };
    } catch (thrown) {
      const liveNames = declared?.settle() ?? [];
      return { status: "error", error: this.describe(thrown), liveNames };
    } finally {
      this.#stop = undefined;
    }
  }

  /** Asks the running cell to end; one that never asked for its signal ends here and now. */
  interrupt(): void {
    this.#interrupter.abort();
    if (!this.#interrupter.isCooperative) this.abandon();
  }

  /** Ends the running cell whether or not it listens: what it awaits now never goes on. */
  abandon(): void {
    this.#interrupter.stopAwaits();
    this.#stop?.(new KeyboardInterrupt());
  }

  describe(thrown: unknown) {
    return describeError(thrown, { cells: this.#traced, root: this.#root });
  }

  async #evaluate(cell: CompiledCell, runtime: CellRuntime) {
    // In a microtask of its own: when a busy cell is stopped from outside its stack is gone, but not that of `run`.
    await undefined;
    const runCell = load(cell);
    const folder = path.dirname(cell.fileName);
    const exports = {};
    const run = runCell(exports, this.#require, { exports }, cell.fileName, folder, runtime);
    const result = await settled(run);
    return result && (await showValue(await result[0]));
  }

  #trace({ fileName, source, prefixLength }: CompiledCell, label: string): void {
    this.#traced.set(fileName, { label, source, prefixLength });
    if (this.#traced.size > tracedCells) this.#traced.delete(this.#traced.keys().next().value as string);
  }
}

/** Goes through Node's own module compiler, which registers the source map and makes `import()` work. */
function load({ code, fileName }: CompiledCell): CellFunction {
  const module = new Module(fileName) as Module & { _compile(code: string, fileName: string): void };
  module.filename = fileName;
  module._compile(code, fileName);
  return module.exports as CellFunction;
}
