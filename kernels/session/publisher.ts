/** All that leaves the kernel: replies, questions, and what front ends see of a cell, prints in their place among it. */
import { randomUUID } from "node:crypto";
import {
  type Channel,
  type Header,
  type Json,
  type JsonText,
  type Message,
  makeHeader,
  type OutgoingMessage,
} from "../protocol";
import { StreamBuffer, type StreamText } from "./streams";

/** Header of the request that a message answers; empty for none. */
export type Parent = Header | Record<string, never>;

/** What a message may carry beside its content. */
export interface Extras {
  metadata?: Json;
  buffers?: Buffer[];
}

export class Publisher {
  /** This kernel's, in the header of each message. */
  readonly sessionId = randomUUID();
  readonly #send: (channel: Channel, message: OutgoingMessage) => void;
  readonly #streams: StreamBuffer;

  constructor(send: (channel: Channel, message: OutgoingMessage) => void) {
    this.#send = send;
    this.#streams = new StreamBuffer({
      send: ({ name, text, parent }) => this.#publishNow("stream", { name, text }, parent, {}),
    });
  }

  /** Answers a request, on the channel on which it came. */
  reply(channel: Channel, request: Message, content: Json, metadata: Json = {}): void {
    const type = request.header.msg_type.replace(/_request$/, "_reply");
    this.#send(channel, this.#message(type, content, request, { metadata }));
  }

  /** Tells every front end, after all that was printed before. */
  publish(msgType: string, content: Json | JsonText, parent: Parent, extras: Extras = {}): void {
    this.#streams.flush();
    this.#publishNow(msgType, content, parent, extras);
  }

  /** Asks the front end that sent `request`. */
  ask(content: Json, request: Message): void {
    this.#streams.flush();
    this.#send("stdin", this.#message("input_request", content, request, {}));
  }

  /** Answers a new subscription to IOPub, so that a front end knows when it misses nothing more. */
  welcome(topic: Buffer): void {
    const content = { subscription: topic.toString() };
    this.#send("iopub", this.#message("iopub_welcome", content, { identities: [topic], header: {} }, {}));
  }

  /** Text that was printed: gathered for a moment, and limited. */
  print(stream: StreamText): void {
    this.#streams.push(stream);
  }

  /** A cell has ended: what its limit held back is printed. */
  finishPrints(parent: Parent): void {
    this.#streams.finish(parent);
  }

  /** A cell's outputs are cleared: what it prints counts anew. */
  restartPrints(parent: Parent): void {
    this.#streams.restart(parent);
  }

  #publishNow(msgType: string, content: Json | JsonText, parent: Parent, extras: Extras): void {
    const to = { identities: [Buffer.from(msgType)], header: parent };
    this.#send("iopub", this.#message(msgType, content, to, extras));
  }

  #message(
    msgType: string,
    content: Json | JsonText,
    to: { identities: Buffer[]; header: Parent },
    { metadata = {}, buffers = [] }: Extras,
  ): OutgoingMessage {
    const header = makeHeader(msgType, this.sessionId);
    return { identities: to.identities, header, parentHeader: to.header, metadata, content, buffers };
  }
}
