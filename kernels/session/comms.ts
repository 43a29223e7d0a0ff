/**
 * Comms seen from the session. A page's message does not wait for the cells before it: whenever the cells' thread listens, be it in the
 * midst of a cell that awaits, its handler is called; so a slider can steer a running loop, and a button can end it.
 */
import type { CommDelivery, FromExecutor, ShownJson } from "../executor";
import { type Json, JsonText, type Message } from "../protocol";
import type { Handlers, Request } from "./handlers";
import type { Parent, Publisher } from "./publisher";

export interface CommsOptions {
  publisher: Publisher;
  post(delivery: CommDelivery): void;
  /** The request whose cell made an output. */
  parentOf(cellId: number): Parent;
}

const actions = { comm_open: "open", comm_msg: "message", comm_close: "close" } as const;
const types = { open: "comm_open", message: "comm_msg", close: "comm_close" } as const;

/** Whether a message may overtake those on the shell channel that wait. */
export function isCommMessage({ header }: Message): boolean {
  return Object.hasOwn(actions, header.msg_type) || header.msg_type === "comm_info_request";
}

export class Comms {
  readonly #options: CommsOptions;
  /** Targets of the comms that are open, by id. */
  readonly #targets = new Map<string, string>();
  readonly #handling = new Map<number, () => void>();
  #lastDelivery = 0;
  readonly handlers: Handlers = {
    comm_open: (request) => this.#deliver("open", request),
    comm_msg: (request) => this.#deliver("message", request),
    comm_close: (request) => this.#deliver("close", request),
    comm_info_request: ({ fields }) => ({
      content: { comms: this.#list(fields.optionalText("target_name")) },
    }),
  };

  constructor(options: CommsOptions) {
    this.#options = options;
  }

  /** From code of cells. */
  receive(message: Extract<FromExecutor<ShownJson>, { type: "comm" | "handled" }>): void {
    if (message.type === "handled") {
      this.#handling.get(message.delivery)?.();
      this.#handling.delete(message.delivery);
      return;
    }
    const { action, commId, target, data, metadata, buffers, cellId, parent } = message;
    if (action === "open") this.#targets.set(commId, target ?? "");
    if (action === "close") this.#targets.delete(commId);
    const ids = { comm_id: commId, ...(action === "open" && { target_name: target }) };
    const content = new JsonText(`${JSON.stringify(ids).slice(0, -1)},"data":${data}}`);
    const { publisher, parentOf } = this.#options;
    const frames = buffers.map((buffer) => Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength));
    publisher.publish(types[action], content, (parent as Parent | undefined) ?? parentOf(cellId), {
      metadata,
      buffers: frames,
    });
  }

  /** Settles when the handler has run up to its first wait: then the page may send the next message. */
  async #deliver(action: CommDelivery["action"], { message, fields }: Request): Promise<undefined> {
    const commId = fields.text("comm_id");
    const target = action === "open" ? fields.text("target_name") : undefined;
    if (target !== undefined) this.#targets.set(commId, target);
    if (action === "close") this.#targets.delete(commId);
    this.#lastDelivery += 1;
    const id = this.#lastDelivery;
    const { header, metadata, buffers } = message;
    const data = fields.record("data");
    const parent = header as unknown as Json;
    this.#options.post({ type: "comm", id, action, commId, target, data, metadata, buffers, parent });
    await new Promise<void>((resolve) => this.#handling.set(id, resolve));
    return undefined;
  }

  #list(target: string | undefined): Json {
    const all = [...this.#targets].filter(([, name]) => target === undefined || name === target);
    return Object.fromEntries(all.map(([id, name]) => [id, { target_name: name }]));
  }
}
