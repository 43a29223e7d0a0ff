/** What a kind of request is answered by: one function each, gathered in one table by the session. */
import type { Json, Message, RequestChannel } from "../protocol";
import type { RequestFields } from "./request";

/** A front end's message on its way through the session. */
export interface Request {
  channel: RequestChannel;
  message: Message;
  /** Its content, read field by field. */
  fields: RequestFields;
}

export interface Answer {
  /** `status` is "ok" unless it is given. */
  content: Json;
  metadata?: Json;
}

/** Undefined: nothing is replied. What it throws is replied as an error. */
export type Handler = (request: Request) => Promise<Answer | undefined> | Answer | undefined;

/** By `msg_type`. */
export type Handlers = Readonly<Record<string, Handler>>;
