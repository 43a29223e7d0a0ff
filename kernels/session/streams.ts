/** Gathers printed text into few stream messages without holding it back for longer than a person notices, and limits it. */
import type { Header } from "../protocol";
import { OutputLimit, type OutputLimitOptions } from "./output-limit";

export interface StreamText {
  name: "stdout" | "stderr";
  text: string;
  /** The request whose cell printed; its limit is found by this object. */
  parent: Header | Record<string, never>;
}

export interface StreamBufferOptions {
  send(stream: StreamText): void;
  /** Text is gathered for so long; 20 ms. Up to `slowestMs` for a cell that has printed much: each message redraws its output. */
  delayMs?: number;
  slowestMs?: number;
  /** A message is sent early once it has so many characters (64 Ki) and half as many as the cell has printed before: few redraws, whatever there is. */
  maxLength?: number;
  limit?: OutputLimitOptions;
}

/** While a cell that printed too much goes on, its newest lines appear so often (ms), so many characters of them. */
const glimpseMs = 10_000;
const glimpseLength = 2_000;
/** A cell's delay grows by a ms for so many characters. */
const charactersPerMs = 1_000;

type Parent = StreamText["parent"];

export class StreamBuffer {
  readonly #options: Required<StreamBufferOptions>;
  readonly #limits = new WeakMap<Parent, OutputLimit>();
  /** Those whose limit holds text back. */
  readonly #holding = new Set<Parent>();
  #parts: string[] = [];
  #length = 0;
  #current: Omit<StreamText, "text"> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #glimpse: NodeJS.Timeout | undefined;

  constructor({ send, delayMs = 20, slowestMs = 250, maxLength = 65_536, limit = {} }: StreamBufferOptions) {
    this.#options = { send, delayMs, slowestMs, maxLength, limit };
  }

  push({ name, text, parent }: StreamText): void {
    if (text === "") return;
    if (this.#current?.name !== name || this.#current.parent !== parent) this.flush();
    this.#current = { name, parent };
    this.#parts.push(text);
    this.#length += text.length;
    const printed = this.#limitOf(parent).length;
    if (this.#length >= Math.max(this.#options.maxLength, printed / 2)) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#delay(printed));
  }

  /** Sends what is gathered; to be called before anything that must come after it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#current || this.#parts.length === 0) return;
    const { name, parent } = this.#current;
    const text = this.#parts.join("");
    this.#parts = [];
    this.#length = 0;
    const limit = this.#limitOf(parent);
    const shown = limit.admit({ name, text });
    if (shown !== "") this.#options.send({ name, text: shown, parent });
    if (limit.isHolding) this.#watch(parent);
  }

  /** At a cell's end: also what its limit held back. */
  finish(parent: Parent): void {
    this.flush();
    this.#release(parent);
  }

  /** The cell's outputs are cleared: what it prints from here on counts anew. */
  restart(parent: Parent): void {
    this.flush();
    this.#holding.delete(parent);
    this.#limits.delete(parent);
  }

  #delay(printed: number): number {
    const { delayMs, slowestMs } = this.#options;
    return Math.min(Math.max(delayMs, printed / charactersPerMs), slowestMs);
  }

  #limitOf(parent: Parent): OutputLimit {
    const known = this.#limits.get(parent);
    if (known) return known;
    const limit = new OutputLimit(this.#options.limit);
    this.#limits.set(parent, limit);
    return limit;
  }

  #watch(parent: Parent): void {
    this.#holding.add(parent);
    this.#glimpse ??= setTimeout(() => {
      this.#glimpse = undefined;
      for (const each of [...this.#holding]) this.#release(each, glimpseLength);
    }, glimpseMs);
  }

  #release(parent: Parent, length?: number): void {
    if (!this.#holding.delete(parent)) return;
    for (const piece of this.#limitOf(parent).release(length)) this.#options.send({ ...piece, parent });
    if (this.#holding.size > 0) return;
    clearTimeout(this.#glimpse);
    this.#glimpse = undefined;
  }
}
