/** How code inside a cell shows something before the cell ends: `globalThis[Symbol.for("Jupyter.displayHook")]`. */
import type { MimeBundle, Shown } from "../executor/contract";
import { plain } from "./plain";

/** Where shown things go. */
export interface DisplaySink {
  display(shown: Shown, displayId: string | undefined, update: boolean): void;
  clear(wait: boolean): void;
}

export interface DisplayHook {
  /** Shows a bundle; with `displayId` it can be replaced later. */
  display(bundle: MimeBundle, metadata?: Record<string, unknown>, displayId?: string): void;
  /** Replaces whatever was shown with this id, wherever it stands. */
  update(displayId: string, bundle: MimeBundle, metadata?: Record<string, unknown>): void;
  /** Clears the cell's outputs; with `wait` only when the next output comes. */
  clear(wait?: boolean): void;
}

/** Makes the hook; bundles are copied at once, so that a caller may go on changing what it passed. */
export function createDisplayHook(sink: DisplaySink): DisplayHook {
  return {
    display: (data, metadata = {}, displayId) => sink.display(plain({ data, metadata }), displayId, false),
    update: (displayId, data, metadata = {}) => sink.display(plain({ data, metadata }), displayId, true),
    clear: (wait = false) => sink.clear(wait),
  };
}

/** Installs the hook where cells and libraries look for it. */
export function installDisplayHook(hook: DisplayHook): void {
  Object.defineProperty(globalThis, Symbol.for("Jupyter.displayHook"), { value: hook, configurable: true });
}
