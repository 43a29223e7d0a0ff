/** The executor seen from the session: runs a cell there, and ends it when asked to, even if its thread is busy. */
import * as inspector from "node:inspector";
import type { CompiledCell } from "../compiler";
import { type FromExecutor, type RunResult, SharedState, type ShownJson, type ToExecutor } from "../executor";

export interface RunnerOptions {
  post(message: ToExecutor): void;
  /** Memory shared with the executor; see SharedState. */
  state: SharedArrayBuffer;
}

/** A busy thread that does not react to an interrupt within this time is stopped, in ms. */
const patienceMs = 150;
/** The same for a cell that asked for its AbortSignal and may have a step, or a checkpoint, to finish. */
const cooperativePatienceMs = 5_000;

export class Runner {
  readonly #post: RunnerOptions["post"];
  readonly #state: Int32Array;
  #running: { cellId: number; finish(outcome: RunResult<ShownJson>): void } | undefined;
  #interrupts = 0;
  #awaitingPong: (() => void) | undefined;

  constructor({ post, state }: RunnerOptions) {
    this.#post = post;
    this.#state = new Int32Array(state);
  }

  run(cell: CompiledCell, label: string, allowStdin: boolean): Promise<RunResult<ShownJson>> {
    return new Promise((finish) => {
      this.#running = { cellId: cell.id, finish };
      this.#interrupts = 0;
      this.#post({ type: "run", cell, label, allowStdin });
    });
  }

  /** The executor's messages that concern a run. */
  receive(message: FromExecutor<ShownJson>): void {
    if (message.type === "pong") this.#awaitingPong?.();
    if (message.type === "done" && message.cellId === this.#running?.cellId) this.#finish(message.outcome);
  }

  /** Ends the running cell, if there is one. A second call ends it without regard for its own clean-up. */
  interrupt(): void {
    const cellId = this.#running?.cellId;
    if (cellId === undefined) return;
    this.#interrupts += 1;
    Atomics.store(this.#state, SharedState.Interrupted, 1);
    const isFirst = this.#interrupts === 1;
    this.#post({ type: isFirst ? "interrupt" : "abandon" });
    const isCooperative = isFirst && Atomics.load(this.#state, SharedState.Cooperative) === 1;
    if (!isCooperative) {
      setTimeout(() => this.#stopBusyThread(cellId), patienceMs);
      return;
    }
    setTimeout(() => {
      if (this.#running?.cellId !== cellId || this.#interrupts > 1) return;
      this.#post({ type: "abandon" });
      setTimeout(() => this.#stopBusyThread(cellId), patienceMs);
    }, cooperativePatienceMs);
  }

  /** Stops whatever JavaScript keeps the executor's thread from listening: its stack unwinds to the event loop. */
  #stopBusyThread(cellId: number): void {
    if (this.#running?.cellId !== cellId) return;
    const session = new inspector.Session();
    if (typeof session.connectToMainThread !== "function") return; // Node before 20.11 cannot.
    session.connectToMainThread();
    session.post("Runtime.terminateExecution");
    // The cell's promise is lost with its stack: a thread that answers again has left the cell.
    const ping = setInterval(() => this.#post({ type: "ping" }), 30);
    this.#awaitingPong = () => {
      clearInterval(ping);
      this.#awaitingPong = undefined;
      session.disconnect();
      this.#post({ type: "abandon" });
      setTimeout(() => {
        if (this.#running?.cellId === cellId) this.#finish(interruptedOutcome());
      }, 200);
    };
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
