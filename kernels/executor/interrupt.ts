/** The running cell's AbortSignal, also for libraries: `globalThis[Symbol.for("Jupyter.interrupt")].signal`. */
import { SharedState } from "./contract";

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
  #turn = 0;

  constructor(state: SharedArrayBuffer) {
    this.#state = new Int32Array(state);
    const hook = Object.defineProperty({}, "signal", { get: () => this.#lend(), enumerable: true });
    Object.defineProperty(globalThis, Symbol.for("Jupyter.interrupt"), { value: hook, configurable: true });
  }

  /** Before a cell: a fresh signal. */
  begin(): void {
    Atomics.store(this.#state, SharedState.Interrupted, 0);
    Atomics.store(this.#state, SharedState.Cooperative, 0);
    this.#controller = new AbortController();
    this.#makeAbortedLive(this.#controller);
  }

  /** Counts interrupts: an `await` in a cell that began in an earlier turn does not go on. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether the running cell asked for its signal, and so will end by itself. */
  get isCooperative(): boolean {
    return Atomics.load(this.#state, SharedState.Cooperative) === 1;
  }

  /** Tells those who hold the signal. */
  abort(): void {
    this.#controller.abort(new KeyboardInterrupt());
  }

  /** Lets no await of a cell that is now pending go on. */
  stopAwaits(): void {
    this.#turn += 1;
  }

  #lend(): AbortSignal {
    Atomics.store(this.#state, SharedState.Cooperative, 1);
    return this.#controller.signal;
  }

  /** A synchronous loop hears no message, but sees `aborted` turn true through the shared memory. */
  #makeAbortedLive(controller: AbortController): void {
    const { signal } = controller;
    const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get;
    const aborted = () => {
      if (!isAborted?.call(signal) && Atomics.load(this.#state, SharedState.Interrupted) === 1) this.abort();
      return isAborted?.call(signal) === true;
    };
    const throwIfAborted = () => {
      if (aborted()) throw signal.reason;
    };
    Object.defineProperties(signal, {
      aborted: { get: aborted, configurable: true },
      throwIfAborted: { value: throwIfAborted, configurable: true },
    });
  }
}
