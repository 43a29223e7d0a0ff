/** How code inside a cell shows something before the cell ends: `globalThis[Symbol.for("Jupyter.displayHook")]`. */
import type { ErrorOutput, MimeBundle, Output, Shown } from "../executor/contract";
import { showValue } from "./bundle";
import { plain } from "./plain";

/** Where shown things go. */
export interface DisplaySink {
  display(shown: Shown, displayId: string | undefined, update: boolean): void;
  clear(wait: boolean): void;
  capture<T>(sink: (output: Output) => void, task: () => T): T;
  isCaptured(): boolean;
  describe(error: unknown): ErrorOutput;
  hold(promise: Promise<unknown>): void;
}

export interface DisplayHook {
  /** Shows a bundle; with `displayId` it can be replaced later. */
  display(bundle: MimeBundle, metadata?: Record<string, unknown>, displayId?: string): void;
  /** Replaces whatever was shown with this id, wherever it stands. */
  update(displayId: string, bundle: MimeBundle, metadata?: Record<string, unknown>): void;
  /** Clears the cell's outputs; with `wait` only when the next output comes. */
  clear(wait?: boolean): void;
  /** Runs a task; what it and all that it starts shows and prints goes to `sink` instead of the cell. */
  capture<T>(sink: (output: Output) => void, task: () => T): T;
  /** Whether what is shown now goes to a sink. */
  readonly isCaptured: boolean;
  /** A value as the result of a cell shows it; undefined for what shows nothing. */
  bundle(value: unknown): Promise<Shown | undefined>;
  /** An error as a cell that it ends shows it. */
  describe(error: unknown): ErrorOutput;
  /** Keeps the cell running until the promise has settled: what it shows then is still the cell's. */
  hold(promise: Promise<unknown>): void;
}

/** Makes the hook; bundles are copied at once, so that a caller may go on changing what it passed. */
export function createDisplayHook(sink: DisplaySink): DisplayHook {
  return {
    display: (data, metadata = {}, displayId) => sink.display(plain({ data, metadata }), displayId, false),
    update: (displayId, data, metadata = {}) => sink.display(plain({ data, metadata }), displayId, true),
    clear: (wait = false) => sink.clear(wait),
    capture: (into, task) => sink.capture(into, task),
    get isCaptured() {
      return sink.isCaptured();
    },
    bundle: async (value) => showValue(await value),
    describe: (error) => sink.describe(error),
    hold: (promise) => sink.hold(promise),
  };
}

/** Installs the hook where cells and libraries look for it. */
export function installDisplayHook(hook: DisplayHook): void {
  Object.defineProperty(globalThis, Symbol.for("Jupyter.displayHook"), { value: hook, configurable: true });
}
