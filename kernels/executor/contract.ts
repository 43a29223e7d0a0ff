/** What passes between the session (server thread) and the executor (main thread, where cells run). */
import type { CompiledCell } from "../compiler";
import type { Timing } from "./timing";

export type MimeBundle = Record<string, unknown>;

export interface Shown {
  data: MimeBundle;
  metadata: Record<string, unknown>;
}

/** JSON of a Shown in UTF-8: written once, where the output is made, moved between the threads, and sent to the front end as it is. */
export type ShownJson = Uint8Array<ArrayBuffer>;

/** An error as Jupyter shows it. */
export interface ErrorOutput {
  ename: string;
  evalue: string;
  traceback: string[];
}

export interface RunRequest {
  type: "run";
  cell: CompiledCell;
  /** How tracebacks name the cell: `In[3]`. */
  label: string;
  allowStdin: boolean;
  /** The cell's number if its result is kept under it. */
  line?: number;
  timing?: Timing;
}

export type ToExecutor =
  | RunRequest
  /** A cell begins: its number and what the person wrote. */
  | { type: "input-text"; line: number; source: string }
  | { type: "interrupt" }
  | { type: "abandon" }
  | { type: "ping" }
  | { type: "input"; id: number; value: string }
  | CommDelivery
  | { type: "exit" };

/** A message of the page on a comm. */
export interface CommDelivery {
  type: "comm";
  /** By which the executor tells that it is handled. */
  id: number;
  action: "open" | "message" | "close";
  commId: string;
  /** When it is opened. */
  target: string | undefined;
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  buffers: readonly Uint8Array[];
  /** Header of the message, for answers. */
  parent: Record<string, unknown>;
}

/** `S`: how shown things are carried; as ShownJson once they have crossed the threads. */
export type RunResult<S = Shown> =
  | { status: "ok"; result: S | undefined; liveNames: string[] }
  | { status: "error"; error: ErrorOutput; liveNames: string[] };

/** Outputs name the cell that was running when they were made, by its id; 0 for none yet. */
export type Output<S = Shown> =
  | { type: "stream"; cellId: number; name: "stdout" | "stderr"; text: string }
  | { type: "display"; cellId: number; shown: S; displayId: string | undefined; update: boolean }
  | { type: "error"; cellId: number; error: ErrorOutput }
  | { type: "clear"; cellId: number; wait: boolean };

export type FromExecutor<S = Shown> =
  | Output<S>
  | { type: "done"; cellId: number; outcome: RunResult<S> }
  | { type: "input"; cellId: number; id: number; prompt: string; password: boolean }
  | {
      type: "comm";
      cellId: number;
      action: CommDelivery["action"];
      commId: string;
      target?: string;
      /** JSON text. */
      data: string;
      metadata: Record<string, unknown>;
      buffers: readonly Uint8Array[];
      /** Header of the message that it answers; without it that of the cell's request. */
      parent: Record<string, unknown> | undefined;
    }
  | { type: "handled"; delivery: number }
  | { type: "pong" }
  | { type: "signal" };

/** Int32 cells of the memory that both threads see, for what a busy main thread must learn or tell without a message. */
export enum SharedState {
  /** 1 from an interrupt until the next cell starts. */
  Interrupted = 0,
  /** How many listen to the running cell's AbortSignal. */
  Listeners = 1,
  /** When the signal was last looked at: `Date.now() | 1`, low 32 bits; 0 for never. */
  PolledAt = 2,
  /** 1 when those who mind the signal know of the interrupt. */
  Noticed = 3,
}

/** Who has looked at the signal minds it for so long, in ms: until it looks again, and from when it has seen the interrupt. */
const polledForMs = 2_000;
const finishesForMs = 5_000;

/** Whether something in the running cell minds its AbortSignal, and so ends by itself after an interrupt, cleanly. */
export function isCooperative(state: Int32Array): boolean {
  if (Atomics.load(state, SharedState.Listeners) > 0) return true;
  const polledAt = Atomics.load(state, SharedState.PolledAt);
  if (polledAt === 0) return false;
  const since = (Date.now() - polledAt) | 0;
  return since < (Atomics.load(state, SharedState.Noticed) === 1 ? finishesForMs : polledForMs);
}
