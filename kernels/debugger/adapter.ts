/** The debugger as Jupyter's front ends speak to it: requests of the Debug Adapter Protocol, with Jupyter's additions. */
import { pathToFileURL } from "node:url";
import type { CompiledCell } from "../compiler";
import type { Json } from "../protocol";
import { ownFolders } from "../start/own-code";
import { type Breakpoint, Breakpoints, type SourceBreakpoint } from "./breakpoints";
import { DebuggeeClient } from "./debuggee-client";
import { Evaluation } from "./evaluation";
import { Execution, type StepMethod, type Stop } from "./execution";
import { Inspection } from "./inspection";
import { type Debugger, MainThreadInspector } from "./inspector";
import { Script } from "./script";
import { cellPaths, Sources } from "./sources";

export interface DebugAdapterOptions {
  /** The clone. */
  root: string;
  /** Whether the running cell ends by itself when it is interrupted. */
  isCellCooperative(): boolean;
  /** Publishes a `debug_event`. */
  publish(event: Json): void;
}

/** Cells run in one thread. */
const threadId = 1;

type Arguments = Record<string, unknown>;

export class DebugAdapter {
  readonly #options: DebugAdapterOptions;
  readonly #inspector = new MainThreadInspector();
  readonly #sources: Sources;
  readonly #breakpoints: Breakpoints;
  readonly #execution: Execution;
  readonly #debuggee: DebuggeeClient;
  readonly #inspection: Inspection;
  readonly #handlers: Readonly<Record<string, (args: Arguments) => Promise<object> | object>>;
  /** Requests that change what is set wait for one another. */
  #changes: Promise<unknown> = Promise.resolve();
  #isStarted = false;
  #isSkipping = false;
  #sequence = 0;

  constructor(options: DebugAdapterOptions) {
    this.#options = options;
    this.#sources = new Sources(this.#inspector, options.root);
    this.#breakpoints = new Breakpoints(this.#inspector, this.#sources);
    this.#debuggee = new DebuggeeClient(this.#inspector);
    this.#execution = new Execution({
      inspector: this.#inspector,
      sources: this.#sources,
      announced: (call) => this.#setInAnnounced(call),
      stopped: (stop) => this.#tellStopped(stop),
      continued: () => this.#tellContinued(),
    });
    this.#inspection = new Inspection({
      inspector: this.#inspector,
      sources: this.#sources,
      debuggee: this.#debuggee,
      evaluation: new Evaluation(this.#inspector, this.#debuggee),
      execution: this.#execution,
      connect: () => this.#connect(),
    });
    const change = (handle: (args: Arguments) => Promise<object>) => (args: Arguments) => {
      const done = this.#changes.then(() => handle(args));
      this.#changes = done.catch(() => {});
      return done;
    };
    this.#handlers = {
      debugInfo: () => this.#info(),
      initialize: change((args) => this.#start(args)),
      attach: () => ({}),
      configurationDone: () => ({}),
      disconnect: change(() => this.#end()),
      terminate: change(() => this.#end()),
      dumpCell: ({ code }) => ({ sourcePath: this.#sources.addText(String(code)) }),
      setBreakpoints: change((args) => this.#setBreakpoints(args)),
      setExceptionBreakpoints: change((args) => this.#setExceptionBreakpoints(args)),
      source: (args) => this.#source(args),
      modules: () => this.#modules(),
      threads: () => ({ threads: [{ id: threadId, name: "cells" }] }),
      stackTrace: (args) => this.#inspection.stackTrace(args),
      scopes: ({ frameId }) => this.#inspection.scopes(frameId),
      variables: ({ variablesReference }) => this.#inspection.variables(Number(variablesReference)),
      setVariable: (args) => this.#inspection.setVariable(args),
      evaluate: (args) => this.#inspection.evaluate(args),
      exceptionInfo: () => this.#exceptionInfo(),
      continue: () => this.#go(() => this.#execution.resume()),
      next: () => this.#step("stepOver"),
      stepIn: () => this.#step("stepInto"),
      stepOut: () => this.#step("stepOut"),
      pause: () => this.#go(() => this.#execution.pause()),
      inspectVariables: () => this.#inspection.inspectVariables(),
      richInspectVariables: (args) => this.#inspection.richInspectVariables(args),
      copyToGlobals: (args) => this.#inspection.copyToGlobals(args),
    };
  }

  /** The reply to a request; never rejected. */
  async answer({ seq, command, arguments: args }: Json): Promise<Json> {
    const reply = { type: "response", seq: this.#nextSequence(), request_seq: seq, command };
    try {
      const handle = this.#handlers[String(command)];
      if (!handle) throw new Error(`debugger: expected a request that it knows, got ${command}`);
      return { ...reply, success: true, body: await handle((args ?? {}) as Arguments) };
    } catch (error) {
      return { ...reply, success: false, message: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Before a cell runs; `text` is what the front end sent, by which it knows the cell. */
  async cellStarts(cell: CompiledCell, text: string, label: string): Promise<void> {
    const where = this.#sources.addCell(cell, text, label);
    if (!this.#isStarted) return;
    await this.#changes;
    if (this.#isSkipping) {
      this.#isSkipping = false;
      await this.#inspector.post("Debugger.setSkipAllPauses", { skip: false });
    }
    if (this.#breakpoints.paths.includes(where)) {
      await this.#breakpoints.apply(where, cell.fileName, new Script(cell));
    }
  }

  /** After a cell: the sources of cells that are to run now, unseen. */
  cellEnded(): string[] {
    this.#execution.cellEnded();
    return this.#inspection.takeCopies();
  }

  /** The running cell is to end: nothing stops it on its way, and a stopped one ends where it is. */
  interrupt(): void {
    if (!this.#isStarted) return;
    this.#isSkipping = true;
    this.#inspector.post("Debugger.setSkipAllPauses", { skip: true }).catch(ignoreClosed);
    const terminate = !this.#options.isCellCooperative();
    this.#execution.resume({ terminate }).catch(ignoreClosed);
  }

  /** The process is about to end. A stopped cell stays stopped, so that no further line of it runs. */
  close(): void {
    if (!this.#execution.stop) this.#inspector.disconnect();
  }

  #info(): object {
    return {
      ...cellPaths,
      isStarted: this.#isStarted,
      breakpoints: this.#breakpoints.list(),
      stoppedThreads: this.#execution.stop ? [threadId] : [],
      richRendering: true,
      exceptionPaths: [],
      copyToGlobals: true,
    };
  }

  async #start({ clientID }: Arguments): Promise<object> {
    this.#inspection.serve(clientID);
    if (!this.#isStarted) {
      await this.#connect();
      await this.#inspector.post("Debugger.enable");
      const kernel = ownFolders(this.#options.root).map((folder) => {
        return `^${escapePattern(pathToFileURL(folder).href)}/(?!debugger/debuggee\\.[jt]s)`;
      });
      const patterns = ["^node:", "/node_modules/", ...kernel];
      await this.#inspector.post("Debugger.setBlackboxPatterns", { patterns });
      await this.#debuggee.call("attach");
      this.#isStarted = true;
    }
    setImmediate(() => this.#publish("initialized", {}));
    return {
      supportsConfigurationDoneRequest: true,
      supportsConditionalBreakpoints: true,
      supportsEvaluateForHovers: true,
      supportsExceptionInfoRequest: true,
      supportsModulesRequest: true,
      supportsSetVariable: true,
      supportsTerminateRequest: true,
      exceptionBreakpointFilters: [
        { filter: "all", label: "All exceptions", default: false },
        { filter: "uncaught", label: "Uncaught exceptions", default: false },
      ],
    };
  }

  async #connect(): Promise<void> {
    if (this.#inspector.isConnected) return;
    this.#inspector.connect({
      "Debugger.scriptParsed": (script: Debugger.ScriptParsedEventDataType) =>
        this.#sources.addScript(script),
      "Debugger.paused": (event: Debugger.PausedEventDataType) => void this.#paused(event),
    });
    await this.#debuggee.load();
  }

  async #paused(event: Debugger.PausedEventDataType): Promise<void> {
    try {
      await this.#execution.paused(event);
    } catch (error) {
      if (!this.#inspector.isConnected) return;
      // Whatever went wrong here, the cell must not stand still without anyone knowing.
      console.error(`debugger: internal: ${error instanceof Error ? error.stack : error}`);
      await this.#inspector.post("Debugger.resume").catch(ignoreClosed);
    }
  }

  /** The main thread runs on, as if no debugger had been. */
  async #end(): Promise<object> {
    if (this.#inspector.isConnected) {
      await this.#debuggee.call("detach");
      this.#inspector.disconnect();
    }
    const wasStopped = this.#execution.stop !== undefined;
    this.#execution.reset();
    this.#breakpoints.clear();
    this.#sources.forgetScripts();
    this.#inspection.forget();
    this.#isSkipping = false;
    if (wasStopped) this.#tellContinued();
    if (this.#isStarted) setImmediate(() => this.#publish("terminated", {}));
    this.#isStarted = false;
    return {};
  }

  async #setBreakpoints(args: Arguments): Promise<{ breakpoints: Breakpoint[] }> {
    this.#requireStarted();
    const where = (args.source as { path?: string } | undefined)?.path ?? "";
    const wanted = (args.breakpoints ?? []) as SourceBreakpoint[];
    const breakpoints = await this.#breakpoints.replace(where, wanted);
    await this.#debuggee.call("watch", this.#breakpoints.paths);
    return { breakpoints };
  }

  async #setInAnnounced({ callFrameId }: Debugger.CallFrame): Promise<void> {
    const { result } = await this.#inspector.post<Debugger.EvaluateOnCallFrameReturnType>(
      "Debugger.evaluateOnCallFrame",
      { callFrameId, expression: "({ fileName, code })", returnByValue: true },
    );
    const { fileName, code } = result.value as { fileName: string; code: string };
    await this.#breakpoints.apply(fileName, fileName, new Script({ code }));
  }

  async #setExceptionBreakpoints({ filters = [] }: Arguments): Promise<object> {
    this.#requireStarted();
    const wanted = filters as string[];
    const state = wanted.includes("all") ? "all" : wanted.includes("uncaught") ? "uncaught" : "none";
    await this.#inspector.post("Debugger.setPauseOnExceptions", { state });
    await this.#debuggee.call("hideWaiting", state !== "none");
    return {};
  }

  async #source({ source }: Arguments): Promise<object> {
    const where = (source as { path?: string } | undefined)?.path ?? "";
    const content = await this.#sources.textOf(where);
    if (content === undefined) {
      throw new Error(`debugger: expected the path of a cell or of a loaded file, got ${where}`);
    }
    return { content, mimeType: "text/typescript" };
  }

  #modules(): object {
    const modules = this.#sources.files().map((file, id) => ({ id, ...file }));
    return { modules, totalModules: modules.length };
  }

  #exceptionInfo(): object {
    const thrown = this.#execution.stop?.thrown;
    if (!thrown) throw new Error("debugger: expected a stop at an exception, got none");
    const { description, isUncaught } = thrown;
    const exceptionId = /^[\p{ID_Continue}$.]+(?=:|$)/u.exec(description)?.[0] ?? "Error";
    return { exceptionId, description, breakMode: isUncaught ? "unhandled" : "always" };
  }

  #step(method: StepMethod): Promise<object> {
    return this.#go(() => this.#execution.step(method));
  }

  async #go(run: () => Promise<void>): Promise<object> {
    this.#requireStarted();
    await this.#inspection.letGo();
    await run();
    return { allThreadsContinued: true };
  }

  #tellStopped({ reason, thrown }: Stop): void {
    this.#inspection.countStop();
    const told = thrown ? { text: thrown.description, description: "Paused on exception" } : {};
    this.#publish("stopped", { reason, threadId, allThreadsStopped: true, ...told });
  }

  #tellContinued(): void {
    this.#publish("continued", { threadId, allThreadsContinued: true });
  }

  #publish(event: string, body: object): void {
    this.#options.publish({ type: "event", seq: this.#nextSequence(), event, body });
  }

  #requireStarted(): void {
    if (!this.#isStarted) throw new Error("debugger: expected a running debugger, got none (do: turn it on)");
  }

  #nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The inspector was closed while something was still on its way: nobody waits for that any more. */
function ignoreClosed(): void {}
