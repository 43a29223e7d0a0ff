/** The running cell's AbortSignal, also for libraries: `globalThis[Symbol.for("Jupyter.interrupt")].signal`. */
import type { CellContext } from "./context";
import { isCooperative, SharedState } from "./contract";

/** What an interrupted cell ends with. */
export class KeyboardInterrupt extends Error {
  override name = "KeyboardInterrupt";

  constructor() {
    super("the cell was interrupted");
  }
}

export class Interrupter {
  readonly #state: Int32Array;
  #controller = new AbortController();
  #cell: CellContext | undefined;

  constructor(state: SharedArrayBuffer) {
    this.#state = new Int32Array(state);
    const hook = Object.defineProperty({}, "signal", {
      get: () => this.#controller.signal,
      enumerable: true,
    });
    Object.defineProperty(globalThis, Symbol.for("Jupyter.interrupt"), { value: hook, configurable: true });
  }

  /** Before a cell: a fresh signal. */
  begin(cell: CellContext): void {
    for (const at of [
      SharedState.Interrupted,
      SharedState.Listeners,
      SharedState.PolledAt,
      SharedState.Noticed,
    ]) {
      Atomics.store(this.#state, at, 0);
    }
    this.#cell = cell;
    this.#controller = new AbortController();
    this.#watch(this.#controller);
  }

  /** Whether the cell's work minds its signal, and so will end by itself. */
  get isCooperative(): boolean {
    return isCooperative(this.#state);
  }

  /** Whether the cell is to end now, be it that no message could tell it so yet. */
  isInterrupted(cell: CellContext): boolean {
    return this.#state[SharedState.Interrupted] !== 0 && cell.root === this.#cell && !this.isCooperative;
  }

  /** Tells those who hold the signal. */
  abort(): void {
    if (this.#state[SharedState.Listeners] > 0) Atomics.store(this.#state, SharedState.Noticed, 1);
    this.#controller.abort(new KeyboardInterrupt());
  }

  /**
   * Notes in the shared memory who minds the signal. And a synchronous loop hears no message, but sees `aborted` turn true
   * through that memory.
   */
  #watch(controller: AbortController): void {
    const { signal } = controller;
    const state = this.#state;
    const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get;
    const isCurrent = () => controller === this.#controller;
    const aborted = () => {
      if (!isCurrent()) return isAborted?.call(signal) === true;
      // Never 0, which stands for never.
      Atomics.store(state, SharedState.PolledAt, Date.now() | 1);
      if (Atomics.load(state, SharedState.Interrupted) === 0) return isAborted?.call(signal) === true;
      Atomics.store(state, SharedState.Noticed, 1);
      if (!isAborted?.call(signal)) this.abort();
      return true;
    };
    const throwIfAborted = () => {
      if (aborted()) throw signal.reason;
    };
    const listeners = new Set<unknown>();
    const count = () => {
      if (isCurrent()) Atomics.store(state, SharedState.Listeners, listeners.size);
    };
    const addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => {
      AbortSignal.prototype.addEventListener.apply(signal, args);
      const [type, listener, options] = args;
      if (type !== "abort") return;
      listeners.add(listener);
      count();
      if (typeof options !== "object" || !options.once) return;
      // Registered behind the listener, and so called when that one has done its part.
      const done = () => removeEventListener("abort", listener);
      AbortSignal.prototype.addEventListener.call(signal, "abort", done, { once: true });
    };
    const removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
      AbortSignal.prototype.removeEventListener.apply(signal, args);
      listeners.delete(args[1]);
      count();
    };
    Object.defineProperties(signal, {
      aborted: { get: aborted, configurable: true },
      throwIfAborted: { value: throwIfAborted, configurable: true },
      addEventListener: { value: addEventListener, configurable: true },
      removeEventListener: { value: removeEventListener, configurable: true },
    });
  }
}
