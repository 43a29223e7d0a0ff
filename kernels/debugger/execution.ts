/** Stops and goes: what the main thread's pauses mean to a person, and steps that are steps in TypeScript. */
import type { Debugger, MainThreadInspector } from "./inspector";
import type { Location, Sources } from "./sources";

export type StepMethod = "stepOver" | "stepInto" | "stepOut";
export type StopReason = "breakpoint" | "step" | "exception" | "pause";

/** A call that a person can look into. */
export interface Frame {
  call: Debugger.CallFrame;
  name: string;
  location: Location;
}

export interface Stop {
  reason: StopReason;
  frames: Frame[];
  /** What was thrown. */
  thrown: Thrown | undefined;
}

export interface Thrown {
  description: string;
  isUncaught: boolean;
}

export interface ExecutionOptions {
  inspector: MainThreadInspector;
  sources: Sources;
  /** A file with breakpoints is about to run; the thread goes on when the promise is settled. */
  announced(call: Debugger.CallFrame): Promise<void>;
  stopped(stop: Stop): void;
  continued(): void;
}

/** Why the thread runs. */
type Goal =
  | { kind: "run" }
  | { kind: "pause"; tries: number }
  | { kind: "step"; method: StepMethod; from: Place; tries: number };

interface Place {
  path: string;
  line: number;
  functionAt: string;
  depth: number;
}

/** A step through code that no person wrote gives up after so many of the inspector's steps. */
const maxTries = 2_000;
/** A step that has not ended after this time is told to the front end as running on, in ms. */
const patienceMs = 300;

export class Execution {
  readonly #options: ExecutionOptions;
  #goal: Goal = { kind: "run" };
  #stop: Stop | undefined;
  /** All calls of the last stop, also those that no person wrote. */
  #calls: readonly Debugger.CallFrame[] = [];
  /** The last step ended with its cell: the inspector would stop at the next line that runs, whosever that is. */
  #hasStaleStep = false;
  #continuedTimer: NodeJS.Timeout | undefined;

  constructor(options: ExecutionOptions) {
    this.#options = options;
  }

  get stop(): Stop | undefined {
    return this.#stop;
  }

  /** Goes on, or ends what is stopped: its calls are left without a trace. */
  async resume({ terminate = false } = {}): Promise<void> {
    if (!this.#stop) return;
    this.#leave({ kind: "run" });
    this.#options.continued();
    await this.#options.inspector.post("Debugger.resume", { terminateOnResume: terminate });
  }

  async step(method: StepMethod): Promise<void> {
    const top = this.#stop?.frames[0];
    if (!top || !this.#stop) return;
    const from = placeOf(top.call, top.location, this.#depthBelow(top.call));
    this.#leave({ kind: "step", method, from, tries: 0 });
    this.#continuedTimer = setTimeout(() => this.#options.continued(), patienceMs);
    // Below a package or Node: the next place is not in there.
    await this.#post(this.#calls[0] === top.call ? method : "stepOut");
  }

  /** Stops at the next line of a person's that runs. */
  async pause(): Promise<void> {
    if (this.#stop) return;
    this.#goal = { kind: "pause", tries: 0 };
    await this.#post("pause");
  }

  /** A cell ended: a step does not go on in the next one. */
  cellEnded(): void {
    this.#hasStaleStep = this.#goal.kind === "step" && !this.#stop;
    if (this.#goal.kind !== "step") return;
    this.#goal = { kind: "run" };
    if (this.#continuedTimer) this.#tellContinued();
  }

  /** The inspector is gone: the thread runs. */
  reset(): void {
    clearTimeout(this.#continuedTimer);
    this.#goal = { kind: "run" };
    this.#hasStaleStep = false;
    this.#stop = undefined;
  }

  /** The main thread has stopped. */
  async paused({
    callFrames,
    reason,
    data,
    hitBreakpoints = [],
  }: Debugger.PausedEventDataType): Promise<void> {
    this.#calls = callFrames;
    const [top] = callFrames;
    if (top.functionName === "announceModule") {
      await this.#options.announced(top);
      return this.#goOn(this.#goal.kind === "step" ? "stepOut" : "resume");
    }
    const frames = await this.#framesOf(callFrames);
    if (reason === "exception" || reason === "promiseRejection") {
      const thrown = data as { description?: string; value?: unknown; uncaught?: boolean };
      const description = thrown.description?.split("\n    at ")[0] ?? String(thrown.value);
      // What the kernel or Node throws and catches by itself is no one's concern.
      const concerns = frames.length > 0 && (thrown.uncaught === true || this.#isOwn(top));
      if (concerns)
        return this.#halt("exception", frames, { description, isUncaught: thrown.uncaught === true });
      return this.#goOn(this.#goal.kind === "step" ? this.#goal.method : "resume");
    }
    const isOwn = this.#isOwn(top) && frames[0]?.call === top;
    if (isOwn && hitBreakpoints.length > 0) return this.#halt("breakpoint", frames);
    if (this.#hasStaleStep) {
      this.#hasStaleStep = false;
      return this.#goOn("resume");
    }
    const goal = this.#goal;
    if (goal.kind === "run") return isOwn ? this.#halt("breakpoint", frames) : this.#goOn("resume");
    goal.tries += 1;
    if (goal.tries > maxTries) return this.#goOn("resume");
    if (goal.kind === "pause")
      return frames.length > 0 ? this.#halt("pause", frames) : this.#goOn("stepInto");
    if (!isOwn) return this.#leaveForeign(callFrames, goal.method);
    const { location } = frames[0];
    const here = placeOf(top, location, callFrames.length);
    const { from, method } = goal;
    const isSame = here.path === from.path && here.line === from.line && here.functionAt === from.functionAt;
    if (method !== "stepOut" && isSame && here.depth <= from.depth) return this.#goOn(method);
    this.#halt("step", frames);
  }

  /** A step has come to what no person wrote: out of it, towards a person's, or on if there is none below. */
  #leaveForeign(calls: Debugger.CallFrame[], method: StepMethod): Promise<void> {
    if (!calls.some((call) => this.#isOwn(call))) {
      this.#goal = { kind: "run" };
      this.#tellContinued();
      return this.#goOn("resume");
    }
    if (!this.#isOwn(calls[0])) return this.#goOn("stepOut");
    return this.#goOn(method === "stepOut" ? "stepOver" : method);
  }

  #halt(reason: StopReason, frames: Frame[], thrown?: Thrown): void {
    clearTimeout(this.#continuedTimer);
    this.#continuedTimer = undefined;
    this.#goal = { kind: "run" };
    this.#stop = { reason, frames, thrown };
    this.#options.stopped(this.#stop);
  }

  #leave(goal: Goal): void {
    this.#goal = goal;
    this.#stop = undefined;
    this.#hasStaleStep = false;
  }

  #tellContinued(): void {
    clearTimeout(this.#continuedTimer);
    this.#continuedTimer = undefined;
    this.#options.continued();
  }

  async #framesOf(calls: readonly Debugger.CallFrame[]): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (const call of calls) {
      if (!this.#isOwn(call)) continue;
      const location = await this.#options.sources.locate(call.location);
      if (location) frames.push({ call, location, name: nameOf(call, location) });
    }
    return frames;
  }

  #depthBelow(call: Debugger.CallFrame): number {
    return this.#calls.length - this.#calls.indexOf(call);
  }

  #isOwn({ location }: Debugger.CallFrame): boolean {
    return this.#options.sources.isOwn(location.scriptId);
  }

  async #goOn(method: StepMethod | "resume"): Promise<void> {
    await this.#post(method);
  }

  #post(method: StepMethod | "resume" | "pause"): Promise<unknown> {
    return this.#options.inspector.post(`Debugger.${method}`);
  }
}

function placeOf({ functionLocation }: Debugger.CallFrame, location: Location, depth: number): Place {
  const { scriptId, lineNumber, columnNumber } = functionLocation ?? { scriptId: "", lineNumber: 0 };
  return {
    path: location.path,
    line: location.line,
    functionAt: `${scriptId}:${lineNumber}:${columnNumber}`,
    depth,
  };
}

function nameOf({ functionName }: Debugger.CallFrame, { name }: Location): string {
  return functionName === "runCell" ? name : functionName || "(anonymous)";
}
