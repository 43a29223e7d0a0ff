/** Comms: lines of messages between code of cells and the page, at `globalThis[Symbol.for("Jupyter.comms")]`. */
import { randomUUID } from "node:crypto";
import { CellContext, currentCell, runIn } from "./context";
import type { CommDelivery, FromExecutor, Output } from "./contract";
import { KeyboardInterrupt } from "./interrupt";

type Json = Record<string, unknown>;

/** A message from the page. */
export interface CommMessage {
  data: Json;
  metadata: Json;
  buffers: readonly Uint8Array[];
  /** Aborted when the person presses "interrupt". */
  signal: AbortSignal;
}

export interface CommExtras {
  metadata?: Json;
  buffers?: readonly Uint8Array[];
  /** The message that this one answers; without it, the cell that runs. */
  answering?: CommMessage;
}

export type CommHandler = (message: CommMessage) => unknown;

export interface CommsOptions {
  post(message: FromExecutor): void;
  /** The cell that what happens now belongs to. */
  cellId(): number;
  /** Shows the error of a handler, which runs in the context that is current. */
  report(error: unknown): void;
}

/** A message of the page on its way through a handler. */
interface Delivery {
  id: number;
  context: CellContext;
  controller: AbortController;
  isHandled: boolean;
}

export class Comms {
  readonly #options: CommsOptions;
  readonly #open = new Map<string, Comm>();
  readonly #targets = new Map<string, { opened: OpenHandler; home: Home }>();
  readonly #deliveries = new Set<Delivery>();
  /** The request that each message came as. */
  readonly #requests = new WeakMap<CommMessage, Json>();

  constructor(options: CommsOptions) {
    this.#options = options;
  }

  /** Installs the hook where cells and libraries look for it. */
  install(): void {
    const hook = {
      open: (target: string, data: Json = {}, extras: CommExtras & { id?: string } = {}) => {
        const comm = this.#add(extras.id ?? randomUUID(), target, homeOf(currentCell()));
        this.#post("open", comm, data, extras);
        return comm;
      },
      register: (target: string, opened: OpenHandler) => {
        this.#targets.set(target, { opened, home: homeOf(currentCell()) });
      },
    };
    Object.defineProperty(globalThis, Symbol.for("Jupyter.comms"), { value: hook, configurable: true });
  }

  /** A message from the page: its handler is called in the context of the cell that opened the comm. */
  receive(delivery: CommDelivery): void {
    const { action, commId, target = "", data } = delivery;
    const registered = this.#targets.get(target);
    if (action === "open" && !registered) {
      this.#options.post({ ...outgoing("close", commId, {}), cellId: 0, parent: delivery.parent });
    }
    const comm =
      action === "open" && registered ? this.#add(commId, target, registered.home) : this.#open.get(commId);
    const handler =
      action === "open"
        ? registered && ((message: CommMessage) => registered.opened(comm as Comm, message))
        : comm?.handlers[action];
    if (action === "close") this.#open.delete(commId);
    if (!comm || !handler) {
      this.#options.post({ type: "handled", delivery: delivery.id });
      return;
    }
    const { metadata, buffers } = delivery;
    const controller = new AbortController();
    const message: CommMessage = { data, metadata, buffers, signal: controller.signal };
    this.#requests.set(message, delivery.parent);
    const context = new CellContext(comm.home.cellId, { sink: comm.home.sink });
    const running: Delivery = { id: delivery.id, context, controller, isHandled: false };
    this.#deliveries.add(running);
    runIn(context, () => void this.#run(running, () => handler(message)));
  }

  /** Ends what handlers still do. */
  interrupt(): void {
    for (const { context, controller } of this.#deliveries) {
      controller.abort(new KeyboardInterrupt());
      context.end();
    }
    this.tidy();
    this.#deliveries.clear();
  }

  /** At a new turn of the event loop: a handler whose first part has not ended was stopped from outside. */
  tidy(): void {
    for (const delivery of this.#deliveries) this.#handled(delivery);
  }

  /** The message is handled, and the page sends the next one, when the handler has run up to its first real wait. */
  async #run(delivery: Delivery, handle: () => unknown): Promise<void> {
    // In a turn of promises, where a busy handler can be stopped without harm.
    await undefined;
    try {
      const result = handle();
      this.#handled(delivery);
      await result;
    } catch (error) {
      this.#options.report(error);
    }
    this.#handled(delivery);
    this.#deliveries.delete(delivery);
  }

  #handled(delivery: Delivery): void {
    if (delivery.isHandled) return;
    delivery.isHandled = true;
    this.#options.post({ type: "handled", delivery: delivery.id });
  }

  #add(id: string, target: string, home: Home): Comm {
    const comm = new Comm(id, target, home, (action, data, extras) => {
      if (!this.#open.has(id)) throw new Error(`comm: expected an open comm for ${target}, got a closed one`);
      if (action === "close") this.#open.delete(id);
      this.#post(action, comm, data, extras);
    });
    this.#open.set(id, comm);
    return comm;
  }

  #post(action: CommDelivery["action"], comm: Comm, data: Json, extras: CommExtras): void {
    const { metadata = {}, buffers = [], answering } = extras;
    const parent = answering && this.#requests.get(answering);
    const message = outgoing(action, comm.id, data, metadata, buffers);
    this.#options.post({ ...message, target: comm.target, cellId: this.#options.cellId(), parent });
  }
}

type OpenHandler = (comm: Comm, message: CommMessage) => unknown;
type Send = (action: "message" | "close", data: Json, extras: CommExtras) => void;

/** Where the outputs of a comm's handlers go. */
interface Home {
  cellId: number;
  sink: ((output: Output) => void) | undefined;
}

function homeOf(cell: CellContext | undefined): Home {
  return { cellId: cell?.id ?? 0, sink: cell?.sink };
}

/** What code of cells holds of one. */
class Comm {
  readonly id: string;
  readonly target: string;
  readonly home: Home;
  readonly handlers: { message?: CommHandler; close?: CommHandler } = {};
  readonly #send: Send;

  constructor(id: string, target: string, home: Home, send: Send) {
    this.id = id;
    this.target = target;
    this.home = home;
    this.#send = send;
  }

  send(data: Json, extras: CommExtras = {}): void {
    this.#send("message", data, extras);
  }

  close(data: Json = {}, extras: CommExtras = {}): void {
    this.#send("close", data, extras);
  }

  onMessage(handler: CommHandler): void {
    this.handlers.message = handler;
  }

  onClose(handler: CommHandler): void {
    this.handlers.close = handler;
  }
}

/** JSON is written here, once; buffers are copied, as the sender may go on changing them. */
function outgoing(
  action: CommDelivery["action"],
  commId: string,
  data: Json,
  metadata: Json = {},
  buffers: readonly Uint8Array[] = [],
) {
  const copies = buffers.map((buffer) => new Uint8Array(buffer));
  return { type: "comm" as const, action, commId, data: JSON.stringify(data), metadata, buffers: copies };
}
