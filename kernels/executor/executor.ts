/** Runs compiled cells one at a time in this thread, with their names kept between cells. */
import Module from "node:module";
import path from "node:path";
import util from "node:util";
import { type CompiledCell, scopeModule } from "../compiler";
import { displaySymbol, showValue } from "../display";
import { CellContext, currentCell, runIn } from "./context";
import type { RunRequest, RunResult, Shown } from "./contract";
import { Guard } from "./guard";
import { type Interrupter, KeyboardInterrupt } from "./interrupt";
import { CellModules } from "./modules";
import { PastResults } from "./results";
import { type Accessor, type Declared, Scope } from "./scope";
import { settled } from "./settlement";
import type { Shell } from "./shell";
import { measureOften, measureOnce } from "./timing";
import { describeError, type TracedCell } from "./traceback";

export interface ExecutorOptions {
  /** The clone. */
  root: string;
  /** Folders in which relative imports of cells are looked up. */
  importBases: readonly string[];
  interrupter: Interrupter;
  shell: Shell;
  /** Modules that cells may import by name without their being installed. */
  builtInModules: ReadonlyMap<string, unknown>;
}

/** What the code of a cell calls; see compiler/emit.ts. */
interface CellRuntime {
  declare(accessors: Readonly<Record<string, Accessor>>): void;
  guard: Guard;
  import(name: string): Promise<unknown>;
}

/** A cell between its start and its end. */
interface Running {
  context: CellContext;
  declared: Declared | undefined;
  /** What it waits for before it ends. */
  held: Set<Promise<unknown>>;
  /** Ends it, once. */
  finish(outcome: Ending): void;
}

type Ending = { result: Shown | undefined } | { thrown: unknown };

type CellFunction = (
  exports: object,
  require: NodeJS.Require,
  module: object,
  fileName: string,
  folder: string,
  cell: CellRuntime,
) => Promise<[unknown] | undefined>;

/** What a run is told beside its cell. */
export type RunOptions = Pick<RunRequest, "line" | "timing">;

/** Tracebacks of functions that older cells declared still show their lines. */
const tracedCells = 500;

export class Executor {
  readonly #root: string;
  readonly #interrupter: Interrupter;
  readonly #shell: Shell;
  /** What earlier cells ended with. */
  readonly results = new PastResults();
  readonly #scope = new Scope(this.results.names);
  readonly #modules: CellModules;
  readonly #traced = new Map<string, TracedCell>();
  readonly #guard: Guard;
  #running: Running | undefined;

  constructor({ root, importBases, interrupter, shell, builtInModules }: ExecutorOptions) {
    this.#root = root;
    this.#interrupter = interrupter;
    this.#shell = shell;
    this.#guard = new Guard(interrupter);
    const builtIn = new Map([...builtInModules, [scopeModule, this.#scope.values]]);
    this.#modules = new CellModules({ root, bases: importBases, builtIn });
  }

  /** Runs a cell to its end, its error or its interruption; the promise is never rejected. */
  run(cell: CompiledCell, label: string, options: RunOptions = {}): Promise<RunResult> {
    this.#trace(cell, label);
    const context = new CellContext(cell.id);
    this.#interrupter.begin(context);
    this.#shell.begin();
    return new Promise((resolve) => {
      const finish = (ending: Ending) => {
        if (this.#running !== running) return;
        this.#running = undefined;
        const liveNames = running.declared?.settle() ?? [];
        if ("result" in ending) resolve({ status: "ok", result: ending.result, liveNames });
        else resolve({ status: "error", error: this.describe(ending.thrown), liveNames });
      };
      const running: Running = { context, declared: undefined, held: new Set(), finish };
      this.#running = running;
      const end = (ending: Ending) => {
        // What an interrupted cell has left is over before anyone hears of its end.
        if (context.isStopped) this.#kill(running, ending);
        else finish(ending);
      };
      this.#evaluate(cell, running, options).then(
        (result) => end({ result }),
        (thrown) => end({ thrown }),
      );
    });
  }

  /** Asks the running cell to end; one that does not mind its signal ends here and now. */
  interrupt(): void {
    this.#interrupter.abort();
    this.#shell.interrupt();
    if (!this.#interrupter.isCooperative) this.abandon();
  }

  /** Ends the running cell whether or not it listens: nothing of it goes on but what its `finally` blocks do. */
  abandon(): void {
    if (!this.#running) return;
    this.#kill(this.#running, { thrown: new KeyboardInterrupt() });
  }

  /** The running cell ends only when the promise has settled. */
  hold(promise: Promise<unknown>): void {
    if (currentCell()?.root === this.#running?.context) this.#running?.held.add(promise);
  }

  #kill(running: Running, ending: Ending): void {
    running.context.end(() => running.finish(ending));
  }

  describe(thrown: unknown) {
    return describeError(thrown, { cells: this.#traced, root: this.#root });
  }

  async #evaluate(cell: CompiledCell, running: Running, options: RunOptions): Promise<Shown | undefined> {
    const { context } = running;
    const runtime: CellRuntime = {
      guard: this.#guard,
      import: (name) => this.#modules.import(name),
      declare: (accessors) => {
        running.declared = this.#scope.declare(accessors);
      },
    };
    // In a microtask of its own: when a busy cell is stopped from outside its stack is gone, but not that of `run`.
    await undefined;
    runIn(context, () => this.#modules.refresh());
    await runIn(context, () => this.#modules.prepare(cell.imports));
    const runCell = load(cell);
    const folder = path.dirname(cell.fileName);
    const call = async (): Promise<[unknown] | undefined> => {
      const exports = {};
      const run = runIn(context, () =>
        runCell(exports, this.#modules.require, { exports }, cell.fileName, folder, runtime),
      );
      const result = await settled(run);
      return result && [await result[0]];
    };
    const print = (text: string) => {
      runIn(context, () => process.stdout.write(text));
    };
    const result = await (options.timing?.kind === "time" ? measureOnce(call, print) : call());
    const shown = result && (await this.#show(result[0], running, options, print));
    for (const promise of running.held) await promise.catch(() => {}); // It is reported as any other rejection.
    return shown;
  }

  async #show(
    value: unknown,
    { context }: Running,
    { line, timing }: RunOptions,
    print: (text: string) => void,
  ): Promise<Shown | undefined> {
    if (timing?.kind === "timeit") {
      await runIn(context, () => measureOften(value as () => unknown, timing, print));
      return undefined;
    }
    const isError = util.types.isNativeError(value) && !(displaySymbol in value);
    const shown = isError ? this.#showError(value) : await runIn(context, () => showValue(value));
    if (line !== undefined && shown !== undefined) this.results.add(line, value);
    return shown;
  }

  /** An error that is not thrown but looked at. */
  #showError(error: Error): Shown {
    return { data: { "text/plain": this.describe(error).traceback.join("\n") }, metadata: {} };
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
