/** What passes between the session (server thread) and the executor (main thread, where cells run). */
import type { CompiledCell } from "../compiler";

export type MimeBundle = Record<string, unknown>;

export interface Shown {
  data: MimeBundle;
  metadata: Record<string, unknown>;
}

/** JSON text of a Shown: written once, where the output is made, and sent to the front end as it is. */
export type ShownJson = string;

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
}

export type ToExecutor =
  | RunRequest
  | { type: "interrupt" }
  | { type: "abandon" }
  | { type: "ping" }
  | { type: "input"; id: number; value: string }
  | { type: "exit" };

/** `S`: how shown things are carried; as ShownJson once they have crossed the threads. */
export type RunResult<S = Shown> =
  | { status: "ok"; result: S | undefined; liveNames: string[] }
  | { status: "error"; error: ErrorOutput; liveNames: string[] };

/** Outputs name the cell that was running when they were made, by its id; 0 for none yet. */
export type Output<S = Shown> =
  | { type: "stream"; cellId: number; name: "stdout" | "stderr"; text: string }
  | { type: "display"; cellId: number; shown: S; displayId: string | undefined; update: boolean }
  | { type: "clear"; cellId: number; wait: boolean };

export type FromExecutor<S = Shown> =
  | Output<S>
  | { type: "done"; cellId: number; outcome: RunResult<S> }
  | { type: "input"; cellId: number; id: number; prompt: string; password: boolean }
  | { type: "pong" }
  | { type: "signal" };

/** Int32 cells of the memory that both threads see, for what a busy main thread must learn or tell without a message. */
export enum SharedState {
  /** 1 from an interrupt until the next cell starts. */
  Interrupted = 0,
  /** 1 if the running cell asked for its AbortSignal: it will end by itself. */
  Cooperative = 1,
}
