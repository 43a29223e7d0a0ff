/** The seam for messages between a value and its counterpart in the page: the kernel's comms, found at a global symbol. */

export type Json = Record<string, unknown>;

/** A message from the page. */
export interface CommMessage {
  readonly data: Json;
  readonly metadata: Json;
  readonly buffers: readonly Uint8Array[];
  /** Aborted when the person presses "interrupt". */
  readonly signal: AbortSignal;
}

export interface CommExtras {
  metadata?: Json;
  buffers?: readonly Uint8Array[];
  /** The message that this one answers; without it, the cell that runs. */
  answering?: CommMessage;
}

/** What a handler does with a message; the kernel shows what it throws, now or later. */
export type CommHandler = (message: CommMessage) => unknown;

/** One line of messages to and from the page. */
export interface Comm {
  readonly id: string;
  readonly target: string;
  send(data: Json, extras?: CommExtras): void;
  /** Sets who gets the page's messages; outputs of handlers go to the cell that opened the comm. */
  onMessage(handler: CommHandler): void;
  /** Sets who hears that the page closed it. */
  onClose(handler: CommHandler): void;
  close(data?: Json): void;
}

/** `globalThis[Symbol.for("Jupyter.comms")]`; see kernels/README.md. */
export interface CommHook {
  open(target: string, data: Json, extras?: CommExtras & { id?: string }): Comm;
  /** Lets the page open comms of a target. */
  register(target: string, opened: (comm: Comm, message: CommMessage) => unknown): void;
}

const COMMS = Symbol.for("Jupyter.comms");
const scope: typeof globalThis & { [COMMS]?: CommHook } = globalThis;

/** The kernel's hook, or undefined outside a notebook: widgets then are values that nobody sees. */
export function commHook(): CommHook | undefined {
  return scope[COMMS];
}

/** Installs a hook (what the kernel does; here for tests) and returns a function that puts the former one back. */
export function installCommHook(hook: CommHook | undefined): () => void {
  const former = scope[COMMS];
  scope[COMMS] = hook;
  return () => {
    scope[COMMS] = former;
  };
}
