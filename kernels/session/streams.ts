/** Gathers printed text into few stream messages without holding it back for longer than a person notices. */
import type { Header } from "../protocol";

export interface StreamText {
  name: "stdout" | "stderr";
  text: string;
  parent: Header | Record<string, never>;
}

export interface StreamBufferOptions {
  send(stream: StreamText): void;
  /** Text is gathered for so long; 20 ms. */
  delayMs?: number;
  /** A message is sent early once it has so many characters; 64 Ki. */
  maxLength?: number;
}

export class StreamBuffer {
  readonly #options: Required<StreamBufferOptions>;
  #parts: string[] = [];
  #length = 0;
  #current: Omit<StreamText, "text"> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ send, delayMs = 20, maxLength = 65_536 }: StreamBufferOptions) {
    this.#options = { send, delayMs, maxLength };
  }

  push({ name, text, parent }: StreamText): void {
    if (text === "") return;
    if (this.#current?.name !== name || this.#current.parent !== parent) this.flush();
    this.#current = { name, parent };
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length >= this.#options.maxLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#options.delayMs);
  }

  /** Sends what is gathered; to be called before anything that must come after it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#current || this.#parts.length === 0) return;
    const stream = { ...this.#current, text: this.#parts.join("") };
    this.#parts = [];
    this.#length = 0;
    this.#options.send(stream);
  }
}
