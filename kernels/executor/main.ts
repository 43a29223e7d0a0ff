/** The main thread's part of the kernel: cells run here; everything else reaches it as messages from the session. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { format } from "node:util";
import type { Worker } from "node:worker_threads";
import { importBases } from "../compiler";
import { createDisplayHook, createTslabModule, installDisplayHook } from "../display";
import { Comms } from "./comms";
import { CellContext, cellOfFailure, currentCell, installContexts, leaveCells, runIn } from "./context";
import type { FromExecutor, Output, RunRequest, ToExecutor } from "./contract";
import { Executor } from "./executor";
import { Interrupter } from "./interrupt";
import { captureOutput } from "./output";
import { OutputSender } from "./output-pipe";
import { rejectHidden } from "./settlement";
import { Shell, type ShellOptions } from "./shell";

export interface ExecutorThreadOptions {
  root: string;
  notebookDir: string;
  /** The thread of the session. */
  server: Worker;
  /** See SharedState. */
  state: SharedArrayBuffer;
  /** See output-pipe.ts. */
  output: SharedArrayBuffer;
}

export function startExecutor({ root, notebookDir, server, state, output }: ExecutorThreadOptions): void {
  /** The cell that runs, or else the last one. */
  let lastCellId = 0;
  let allowStdin = false;
  const sender = new OutputSender(output, (parcel, moved) => server.postMessage(parcel, moved));
  const post = (message: FromExecutor) => sender.post(message);

  /** Outputs belong to the cell that started what makes them. */
  const cellId = () => currentCell()?.id ?? lastCellId;

  const emit = (output: Output, cell = currentCell()) => (cell?.sink ?? post)(output);

  const captured = captureOutput({
    stream: (name, text) => emit({ type: "stream", cellId: cellId(), name, text }),
    clear: (wait) => emit({ type: "clear", cellId: cellId(), wait }),
  });
  const hook = createDisplayHook({
    display: (shown, displayId, update) =>
      emit({ type: "display", cellId: cellId(), shown, displayId, update }),
    clear: (wait) => emit({ type: "clear", cellId: cellId(), wait }),
    capture: (sink, task) => {
      const within = currentCell();
      // What the sink itself shows is not captured.
      const outside = (output: Output) => runIn(within, () => sink(output));
      return runIn(new CellContext(cellId(), { within, sink: outside }), task);
    },
    isCaptured: () => currentCell()?.sink !== undefined,
    describe: (error) => executor.describe(error),
    hold: (promise) => executor.hold(promise),
  });
  installDisplayHook(hook);

  const interrupter = new Interrupter(state);
  installContexts((cell) => interrupter.isInterrupted(cell));
  const shell = new Shell({ print: (name, text) => process[name].write(text) });
  installGlobal("sh", (command: string, options?: ShellOptions) => shell.run(command, options));
  const executor: Executor = new Executor({
    root,
    importBases: importBases(root, notebookDir),
    interrupter,
    shell,
    builtInModules: new Map([["tslab", createTslabModule(hook, versionsOf(root))]]),
  });

  console.trace = (...words: unknown[]) => {
    const trace = new Error(format(...words));
    trace.name = "Trace";
    console.error(executor.describe(trace).traceback.join("\n"));
  };

  // A cell, or a library for command lines, that ends the process would take all variables along.
  const exit = process.exit.bind(process);
  process.exit = (code) => {
    throw new Error(
      `process.exit: expected the kernel to go on, got exit code ${code ?? 0} (do: shut it down in the front end's menu)`,
    );
  };
  const comms = new Comms({
    post,
    cellId,
    report: (error) => {
      const described = executor.describe(error);
      if (described.ename !== "KeyboardInterrupt")
        emit({ type: "error", cellId: cellId(), error: described });
    },
  });
  comms.install();

  const answers = new Map<number, (value: string) => void>();
  installInput((prompt, password) => {
    if (!allowStdin)
      throw new Error(
        "input: expected a front end that can ask, got one that cannot (do: run the cell in JupyterLab)",
      );
    return new Promise((resolve) => {
      const id = nextId();
      answers.set(id, resolve);
      post({ type: "input", cellId: cellId(), id, prompt, password });
    });
  });

  const run = async (request: RunRequest) => {
    lastCellId = request.cell.id;
    allowStdin = request.allowStdin;
    captured.endGroups();
    const outcome = await executor.run(request.cell, request.label, request);
    post({ type: "done", cellId: request.cell.id, outcome });
  };
  const reportStray = (thrown: unknown, promise?: Promise<unknown>) => {
    // What is left of an interrupted cell ends with this error; the person knows already.
    if (thrown instanceof Error && thrown.name === "KeyboardInterrupt") return;
    const cell = cellOfFailure(thrown, promise);
    if (cell?.isStopped) return;
    const { traceback } = executor.describe(thrown);
    const text = `Uncaught ${traceback.join("\n")}\n`;
    emit({ type: "stream", cellId: cell?.id ?? lastCellId, name: "stderr", text }, cell);
  };
  process.on("uncaughtException", (error) => reportStray(error));
  process.on("unhandledRejection", (reason, promise) => {
    if (!rejectHidden(promise, reason)) reportStray(reason, promise);
  });
  process.on("SIGINT", () => post({ type: "signal" }));

  server.on("message", (message: ToExecutor) => {
    leaveCells();
    comms.tidy();
    switch (message.type) {
      case "run":
        void run(message);
        break;
      case "input-text":
        executor.results.addInput(message.line, message.source);
        break;
      case "interrupt":
        executor.interrupt();
        comms.interrupt();
        break;
      case "abandon":
        executor.abandon();
        break;
      case "ping":
        post({ type: "pong" });
        break;
      case "input":
        answers.get(message.id)?.(message.value);
        answers.delete(message.id);
        break;
      case "comm":
        comms.receive(message);
        break;
      case "exit":
        exit(0);
    }
  });
  // The first cell is still being compiled.
  setImmediate(practisePrinting);
}

/** Prints to nobody until V8 has made machine code of it: the first loop that prints would take twice as long as the next. */
function practisePrinting(): void {
  const pipe = new OutputSender(new SharedArrayBuffer(64 + 2 ** 17), () => {});
  runIn(new CellContext(0, { sink: (output) => pipe.post(output) }), () => {
    for (let i = 0; i < 4_000; i++) console.log(i);
  });
}

function versionsOf(root: string): Record<string, string> {
  const version = (name: string) => {
    const file = path.join(root, "node_modules", name, "package.json");
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  };
  return { tslab: version("tslab"), typescript: version("typescript"), node: process.version };
}

function installInput(ask: (prompt: string, password: boolean) => Promise<string>): void {
  const input = async (prompt = "", { password = false }: { password?: boolean } = {}) =>
    ask(String(prompt), password);
  installGlobal("input", input);
}

/** See compiler/globals.ts for its type. */
function installGlobal(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

let lastId = 0;
function nextId(): number {
  lastId += 1;
  return lastId;
}
