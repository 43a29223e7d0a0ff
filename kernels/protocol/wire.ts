/** Jupyter's wire format: a message as ZeroMQ frames, signed with HMAC over the raw bytes. */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import type { ReplayGuard } from "./replay";

/** A JSON object. */
export type Json = Record<string, unknown>;

export interface Header {
  msg_id: string;
  session: string;
  username: string;
  date: string;
  msg_type: string;
  version: string;
}

export interface Message {
  /** ZeroMQ routing frames in front of the delimiter; a topic on IOPub. */
  identities: Buffer[];
  header: Header;
  /** Header of the request this answers; empty for none. */
  parentHeader: Header | Record<string, never>;
  metadata: Json;
  content: Json;
  buffers: Buffer[];
}

/** JSON that is written already, here put together from its parts: a large output is serialised once, where it is made. */
export class JsonText {
  readonly bytes: Buffer;

  constructor(...parts: readonly (string | Uint8Array)[]) {
    this.bytes = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  }
}

/** A message that the kernel sends. */
export interface OutgoingMessage extends Omit<Message, "content"> {
  content: Json | JsonText;
}

/** The version of Jupyter's messaging protocol that is spoken here. */
export const protocolVersion = "5.4";

const delimiter = Buffer.from("<IDS|MSG>");

/** Signs and checks frames with the key of the connection file; an empty key turns both off, as Jupyter defines it. */
export class Signer {
  readonly #key: string;
  readonly #hash: string;

  constructor(key: string, scheme = "hmac-sha256") {
    if (!scheme.startsWith("hmac-")) {
      throw new Error(`protocol: expected a signature scheme hmac-*, got ${scheme}`);
    }
    this.#key = key;
    this.#hash = scheme.slice("hmac-".length);
  }

  /** Hexadecimal HMAC of the four JSON frames, as bytes. */
  sign(frames: readonly Buffer[]): Buffer {
    if (this.#key === "") return Buffer.alloc(0);
    const hmac = createHmac(this.#hash, this.#key);
    for (const frame of frames) hmac.update(frame);
    return Buffer.from(hmac.digest("hex"));
  }

  /** Whether the signature belongs to the frames; takes the same time wherever they differ. */
  verify(signature: Buffer, frames: readonly Buffer[]): boolean {
    const expected = this.sign(frames);
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
}

/** A header for a new message. */
export function makeHeader(msgType: string, session: string): Header {
  return {
    msg_id: randomUUID(),
    session,
    username: "kernel",
    date: new Date().toISOString(),
    msg_type: msgType,
    version: protocolVersion,
  };
}

/** Message -> frames, signed. */
export function encode(message: OutgoingMessage, signer: Signer): Buffer[] {
  const { header, parentHeader, metadata, content } = message;
  const parts = [header, parentHeader, metadata, content].map((part) =>
    part instanceof JsonText ? part.bytes : Buffer.from(JSON.stringify(part)),
  );
  return [...message.identities, delimiter, signer.sign(parts), ...parts, ...message.buffers];
}

/**
 * Frames -> message. Signature and replay are looked at over the raw bytes, before anything is parsed.
 * @throws Error on a missing delimiter, a wrong or known signature, bad UTF-8 or JSON, or a header without type; never with the key in its text.
 */
export function decode(frames: readonly Buffer[], signer: Signer, replays?: ReplayGuard): Message {
  const at = frames.findIndex((frame) => frame.equals(delimiter));
  if (at === -1) throw new Error("protocol: expected the frame <IDS|MSG>, got none (message dropped)");
  const [signature, ...rest] = frames.slice(at + 1);
  if (rest.length < 4)
    throw new Error(`protocol: expected 4 JSON frames, got ${rest.length} (message dropped)`);
  const parts = rest.slice(0, 4);
  if (!signer.verify(signature, parts)) {
    throw new Error("protocol: expected a valid signature, got another (message dropped)");
  }
  if (signature.length > 0 && replays?.isNew(signature) === false) {
    throw new Error("protocol: expected a new message, got one a second time (message dropped)");
  }
  const [header, parentHeader, metadata, content] = parts.map(parseObject);
  return {
    identities: frames.slice(0, at),
    header: readHeader(header),
    parentHeader: parentHeader as unknown as Header,
    metadata,
    content,
    buffers: rest.slice(4),
  };
}

/** Every reply carries its request's header: only what is safe to send back is kept of it. */
function readHeader(header: Json): Header {
  if (typeof header.msg_type !== "string" || typeof header.msg_id !== "string") {
    throw new Error("protocol: expected a header with msg_type and msg_id, got none (message dropped)");
  }
  const flat = Object.entries(header).filter(([, value]) => value === null || typeof value !== "object");
  return Object.fromEntries(flat) as unknown as Header;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseObject(frame: Buffer): Json {
  const value = parse(frame);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("protocol: expected a JSON object in each frame, got another value (message dropped)");
  }
  return value as Json;
}

function parse(frame: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(frame));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`protocol: expected JSON in UTF-8 in each frame, got ${reason} (message dropped)`);
  }
}
