/**
 * What the executor's thread tells the session's: prints through shared memory, everything else as messages, in one order.
 *
 * Prints go through memory because a loop can make a million of them: no message is allocated for each, and a loop that prints
 * faster than the session reads waits for it, so that memory stays bounded. A message says how far the text before it goes.
 */
import type { FromExecutor, ShownJson } from "./contract";
import { writeJson } from "./shown-json";

/** What crosses between the threads. */
export type Parcel =
  /** There is text to read; `soon` if it may be read together with what follows in the next milliseconds. */
  | { text: "soon" | "now" }
  /** `position`: of the text that was written before this message; `weight`: what it counts against the limit. */
  | { position: number; weight: number; message: FromExecutor<ShownJson> };

/** Int32 cells at the start of the memory; positions count bytes of text and wrap around. */
enum Header {
  Written = 0,
  Read = 1,
  /** What the session knows of unread text: 0 nothing, 1 told to read it soon, 2 now. */
  Announced = 2,
  /** KiB of messages that the session has not handled yet. */
  Weight = 3,
}

const headerBytes = 64;
/** Before each piece of text: the cell's id, then twice its length in bytes, plus 1 for stderr. */
const pieceHeaderBytes = 8;
const maxPieceLength = 16_384;
/** More than so many KiB of unhandled messages and the executor waits. */
const maxWeight = 65_536;
/** A waiting thread looks again after so many ms, should a wake-up be lost. */
const waitMs = 100;

/** Memory for a pipe: a header, then a power of two of bytes; see kernels/main.js. */
abstract class PipeEnd {
  protected readonly header: Int32Array;
  protected readonly words: Int32Array;
  protected readonly bytes: Buffer;
  protected readonly capacity: number;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - headerBytes;
    if (this.capacity < 8 * maxPieceLength || (this.capacity & (this.capacity - 1)) !== 0) {
      throw new Error(
        `internal: expected memory of ${headerBytes} bytes and a power of two, got ${memory.byteLength}`,
      );
    }
    this.header = new Int32Array(memory, 0, headerBytes / 4);
    this.words = new Int32Array(memory, headerBytes);
    this.bytes = Buffer.from(memory, headerBytes);
  }

  /** Index of a position in `bytes`. */
  protected at(position: number): number {
    return position & (this.capacity - 1);
  }
}

/** The executor's end. */
export class OutputSender extends PipeEnd {
  readonly #send: (parcel: Parcel, moved?: readonly ArrayBuffer[]) => void;

  /** @param send hands a parcel to the session, with memory that is not copied but moved there */
  constructor(memory: SharedArrayBuffer, send: (parcel: Parcel, moved?: readonly ArrayBuffer[]) => void) {
    super(memory);
    this.#send = send;
  }

  post(message: FromExecutor): void {
    if (message.type === "stream") this.#print(message.cellId, message.name === "stderr", message.text);
    else this.#sendMessage(withJson(message));
  }

  #print(cellId: number, isStderr: boolean, text: string): void {
    for (let start = 0; start < text.length; ) {
      let end = Math.min(start + maxPieceLength, text.length);
      // A pair of surrogates is one character: never cut between them.
      if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
      this.#write(cellId, isStderr, start === 0 && end === text.length ? text : text.slice(start, end));
      start = end;
    }
  }

  #write(cellId: number, isStderr: boolean, text: string): void {
    const { header, words, bytes, capacity } = this;
    const most = pieceHeaderBytes + 3 * text.length + 3;
    const written = header[Header.Written];
    for (;;) {
      const read = Atomics.load(header, Header.Read);
      if (capacity - ((written - read) >>> 0) >= most) break;
      this.#announce(2);
      Atomics.wait(header, Header.Read, read, waitMs);
    }
    const at = this.at(written + pieceHeaderBytes);
    let length: number;
    if (at + most <= capacity) {
      length = bytes.write(text, at, "utf8");
    } else {
      const encoded = Buffer.from(text);
      length = encoded.length;
      const first = encoded.copy(bytes, at);
      encoded.copy(bytes, 0, first);
    }
    words[this.at(written) >> 2] = cellId;
    words[this.at(written + 4) >> 2] = 2 * length + (isStderr ? 1 : 0);
    const end = (written + pieceHeaderBytes + align(length)) | 0;
    Atomics.store(header, Header.Written, end);
    this.#announce((end - Atomics.load(header, Header.Read)) >>> 0 > capacity / 2 ? 2 : 1);
  }

  /** Tells the session of text unless it knows. */
  #announce(urgency: 1 | 2): void {
    if (Atomics.load(this.header, Header.Announced) >= urgency) return;
    Atomics.store(this.header, Header.Announced, urgency);
    this.#send({ text: urgency === 1 ? "soon" : "now" });
  }

  #sendMessage(message: FromExecutor<ShownJson>): void {
    const { header } = this;
    const weight = 1 + (sizeOf(message) >> 10);
    // One message of any size may pass when no other is under way.
    for (let load = Atomics.load(header, Header.Weight); load > maxWeight; ) {
      Atomics.wait(header, Header.Weight, load, waitMs);
      load = Atomics.load(header, Header.Weight);
    }
    const shown = shownBy(message);
    this.#send({ position: header[Header.Written], weight, message }, shown && [shown.buffer]);
    Atomics.add(header, Header.Weight, weight);
  }
}

export interface OutputReceiverOptions {
  memory: SharedArrayBuffer;
  /** Gets prints and messages in the order in which they were made. */
  receive(message: FromExecutor<ShownJson>): void;
  /** Text is read at most once in so many ms, unless there is much of it; 10 ms. */
  delayMs?: number;
}

/** The session's end. */
export class OutputReceiver extends PipeEnd {
  readonly #receive: OutputReceiverOptions["receive"];
  readonly #delayMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor({ memory, receive, delayMs = 10 }: OutputReceiverOptions) {
    super(memory);
    this.#receive = receive;
    this.#delayMs = delayMs;
  }

  accept(parcel: Parcel): void {
    if (!("text" in parcel)) {
      this.#readTo(parcel.position);
      Atomics.sub(this.header, Header.Weight, parcel.weight);
      Atomics.notify(this.header, Header.Weight);
      this.#receive(parcel.message);
      // A cell that is stopped from outside may have been about to announce its text.
      Atomics.store(this.header, Header.Announced, 0);
      if (Atomics.load(this.header, Header.Written) !== parcel.position) this.#readSoon();
    } else if (parcel.text === "now") {
      this.#readAll();
    } else {
      this.#readSoon();
    }
  }

  #readSoon(): void {
    this.#timer ??= setTimeout(() => this.#readAll(), this.#delayMs);
  }

  #readAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Before looking: what is written from here on is announced anew.
    Atomics.store(this.header, Header.Announced, 0);
    this.#readTo(Atomics.load(this.header, Header.Written));
  }

  #readTo(position: number): void {
    const { header, words } = this;
    let read = header[Header.Read];
    let parts: string[] = [];
    let [partsCell, partsName] = [0, "stdout" as "stdout" | "stderr"];
    const pass = () => {
      if (parts.length === 0) return;
      this.#receive({ type: "stream", cellId: partsCell, name: partsName, text: parts.join("") });
      parts = [];
    };
    while (((position - read) | 0) > 0) {
      const cellId = words[this.at(read) >> 2];
      const coded = words[this.at(read + 4) >> 2];
      const name = coded & 1 ? "stderr" : "stdout";
      if (cellId !== partsCell || name !== partsName) pass();
      [partsCell, partsName] = [cellId, name];
      parts.push(this.#text(this.at(read + pieceHeaderBytes), coded >>> 1));
      read = (read + pieceHeaderBytes + align(coded >>> 1)) | 0;
    }
    Atomics.store(header, Header.Read, read);
    Atomics.notify(header, Header.Read);
    pass();
  }

  #text(at: number, length: number): string {
    const beyond = at + length - this.capacity;
    if (beyond <= 0) return this.bytes.toString("utf8", at, at + length);
    return Buffer.concat([this.bytes.subarray(at), this.bytes.subarray(0, beyond)]).toString("utf8");
  }
}

/** Pieces start at whole words. */
function align(length: number): number {
  return (length + 3) & ~3;
}

export function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** About how many bytes it holds. */
function sizeOf(message: FromExecutor<ShownJson>): number {
  if (message.type !== "comm") return shownBy(message)?.byteLength ?? 0;
  return message.buffers.reduce((sum, { byteLength }) => sum + byteLength, message.data.length);
}

function withJson(message: Exclude<FromExecutor, { type: "stream" }>): FromExecutor<ShownJson> {
  if (message.type === "display") return { ...message, shown: writeJson(message.shown) };
  if (message.type !== "done") return message;
  const { outcome } = message;
  if (outcome.status === "error") return { ...message, outcome };
  const result = outcome.result && writeJson(outcome.result);
  return { ...message, outcome: { ...outcome, result } };
}

function shownBy(message: FromExecutor<ShownJson>): ShownJson | undefined {
  if (message.type === "display") return message.shown;
  return message.type === "done" && message.outcome.status === "ok" ? message.outcome.result : undefined;
}
