/** Starts the compiler's process and stands for it: method calls as numbered messages. */
import type { ChildProcess } from "node:child_process";
import type { CompileResult, CompilerClient } from "./contract";
import { spawnCompiler, takeFirst } from "./spawn";

export interface CompilerProcessOptions {
  /** The clone. */
  root: string;
  notebookDir: string;
  /** Of the process, where the set-up made one. */
  snapshot: string | undefined;
  /** The process was lost and another one started, or failed to; says why. */
  onLost(reason: string): void;
}

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** A process that lives for less than this, in ms, is not started again. */
const shortLifeMs = 3_000;

export function startCompiler(options: CompilerProcessOptions): CompilerClient {
  const compiler = new CompilerProcess(options);
  const call = <T>(method: string, ...args: unknown[]) => compiler.call<T>(method, args);
  return {
    async compile(source, form = "cell") {
      const result = await call<CompileResult>("compile", source, form);
      if (result.ok && form === "cell") compiler.compiled.set(result.cell.id, source);
      return result;
    },
    commit(id, liveNames, line) {
      // What follows is answered after it: nobody waits. Should the process be lost meanwhile, it is among what is told again.
      if (compiler.compiled.has(id)) compiler.committed.push({ id, liveNames, line });
      call("commit", id, liveNames, line).catch((error: Error) => options.onLost(error.message));
    },
    packagesChanged: () => call("packagesChanged"),
    complete: (source, offset) => call("complete", source, offset),
    inspect: (source, offset) => call("inspect", source, offset),
    isComplete: (source) => call("isComplete", source),
  };
}

/** Should the process be lost, another one is told all cells again: names and variables of the notebook stay. */
class CompilerProcess {
  /** Sources of the cells that were accepted, by id. */
  readonly compiled = new Map<number, string>();
  readonly committed: { id: number; liveNames: readonly string[]; line: number | undefined }[] = [];
  readonly #options: CompilerProcessOptions;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess;
  #lastCall = 0;
  #failure: Error | undefined;

  constructor(options: CompilerProcessOptions) {
    this.#options = options;
    this.#child = this.#start();
  }

  call<T>(method: string, args: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#lastCall += 1;
      this.#pending.set(this.#lastCall, { resolve, reject });
      this.#child.send({ id: this.#lastCall, method, args });
    });
  }

  #start(): ChildProcess {
    const child = takeFirst() ?? spawnCompiler(this.#options);
    const since = performance.now();
    const onEnd = (reason: string) => {
      if (child === this.#child) this.#lost(reason, performance.now() - since < shortLifeMs);
    };
    child.on("error", (error) => onEnd(error.message));
    child.on("exit", (code, signal) => onEnd(`it ended with ${signal ?? code}`));
    child.on("message", ({ id, value, error }: { id: number; value: never; error?: string }) => {
      const waiting = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    return child;
  }

  #lost(reason: string, isFinal: boolean): void {
    const error = new Error(
      `compiler: expected its process to go on, got: ${reason} (do: ${isFinal ? "restart the kernel" : "run the cell again"})`,
    );
    if (isFinal) this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (!isFinal) {
      this.#child = this.#start();
      this.#tellAgain();
    }
    this.#options.onLost(error.message);
  }

  #tellAgain(): void {
    for (const { id, liveNames, line } of this.committed) {
      const again = this.call("restore", [id, this.compiled.get(id), liveNames, line]);
      again.catch(() => {}); // Lost once more: that is told by `#lost`.
    }
  }
}
