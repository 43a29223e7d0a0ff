/** The executor seen from the session: runs a cell there, and ends it when asked to, even if its thread is busy. */
import * as inspector from "node:inspector";
import {
  type FromExecutor,
  isCooperative,
  type RunRequest,
  type RunResult,
  SharedState,
  type ShownJson,
  type ToExecutor,
} from "../executor";

export interface RunnerOptions {
  post(message: ToExecutor): void;
  /** Memory shared with the executor; see SharedState. */
  state: SharedArrayBuffer;
}

/** A thread that gives no sign within this time of an interrupt is busy and is stopped, in ms. */
const patienceMs = 350;
/** What minds its AbortSignal has so long to see the interrupt, and then to finish (a checkpoint may be large). */
const noticeMs = 30_000;
const finishMs = 120_000;
/** A cell that was stopped from outside reports its end within this time, or never. */
const reportMs = 5_000;

export class Runner {
  readonly #post: RunnerOptions["post"];
  readonly #state: Int32Array;
  #running: { cellId: number; finish(outcome: RunResult<ShownJson>): void } | undefined;
  #interrupts = 0;
  /** Called when the executor's thread gives a sign. */
  #onSign: (() => void) | undefined;

  constructor({ post, state }: RunnerOptions) {
    this.#post = post;
    this.#state = new Int32Array(state);
  }

  run(request: Omit<RunRequest, "type">): Promise<RunResult<ShownJson>> {
    return new Promise((finish) => {
      this.#running = { cellId: request.cell.id, finish };
      this.#interrupts = 0;
      this.#post({ type: "run", ...request });
    });
  }

  /** A cell begins, whether or not it will run: what its author wrote. */
  tellInput(line: number, source: string): void {
    this.#post({ type: "input-text", line, source });
  }

  /** The executor's messages that concern a run. */
  receive(message: FromExecutor<ShownJson>): void {
    if (message.type === "pong") this.#onSign?.();
    if (message.type === "done" && message.cellId === this.#running?.cellId) this.#finish(message.outcome);
  }

  /**
   * Ends the running cell; without one, whatever an earlier cell's callback keeps the thread busy with. What minds its signal
   * may end by itself; a second call ends that too.
   */
  interrupt(): void {
    const running = this.#running;
    if (!running) {
      // What handlers of widgets still do is theirs, not a cell's.
      this.#post({ type: "interrupt" });
      this.#stopIfBusy();
      return;
    }
    this.#interrupts += 1;
    Atomics.store(this.#state, SharedState.Interrupted, 1);
    if (this.#interrupts > 1) {
      this.#abandon();
      return;
    }
    this.#post({ type: "interrupt" });
    if (!isCooperative(this.#state)) {
      this.#stopIfBusy();
      return;
    }
    const since = performance.now();
    const watch = setInterval(() => {
      const isOver = this.#running !== running || this.#interrupts > 1;
      const hasNoticed = Atomics.load(this.#state, SharedState.Noticed) === 1;
      const isLate = performance.now() - since > (hasNoticed ? finishMs : noticeMs);
      if (!isOver && isCooperative(this.#state) && !isLate) return;
      clearInterval(watch);
      if (!isOver) this.#abandon();
    }, 50);
  }

  #abandon(): void {
    this.#post({ type: "abandon" });
    this.#stopIfBusy();
  }

  /** Stops whatever JavaScript keeps the executor's thread from listening: its stack unwinds to the event loop. */
  #stopIfBusy(): void {
    if (this.#onSign) return;
    const running = this.#running;
    const patience = setTimeout(() => {
      const session = new inspector.Session();
      if (typeof session.connectToMainThread !== "function") return; // Node before 20.11 cannot.
      session.connectToMainThread();
      session.post("Runtime.terminateExecution");
      const ping = setInterval(() => this.#post({ type: "ping" }), 30);
      this.#onSign = () => {
        this.#onSign = undefined;
        clearInterval(ping);
        session.disconnect();
        if (!running || this.#running !== running) return;
        this.#post({ type: "abandon" });
        setTimeout(() => {
          if (this.#running === running) this.#finish(interruptedOutcome());
        }, reportMs);
      };
    }, patienceMs);
    this.#onSign = () => {
      this.#onSign = undefined;
      clearTimeout(patience);
      // It may get busy again before the cell has ended.
      setTimeout(() => {
        if (running && this.#running === running) this.#stopIfBusy();
      }, patienceMs);
    };
    this.#post({ type: "ping" });
  }

  #finish(outcome: RunResult<ShownJson>): void {
    const running = this.#running;
    this.#running = undefined;
    running?.finish(outcome);
  }
}

/** For a cell whose executor could not report: its names were declared, and stay. */
export function interruptedOutcome(): RunResult<never> {
  const [ename, evalue] = ["KeyboardInterrupt", "the cell was interrupted"];
  const traceback = [`\u001b[31m\u001b[1m${ename}\u001b[22m\u001b[39m: ${evalue}`];
  return { status: "error", error: { ename, evalue, traceback }, liveNames: [] };
}
