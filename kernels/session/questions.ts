/** `await input(…)`: a cell's question to the person, and the answer on the stdin channel. */
import type { Message } from "../protocol";
import type { Publisher } from "./publisher";
import { RequestFields } from "./request";

export interface QuestionsOptions {
  publisher: Publisher;
  /** Hands the person's answer to the cell that asked. */
  answer(id: number, value: string): void;
}

export class Questions {
  readonly #options: QuestionsOptions;
  /** The question that waits; a cell asks one at a time. */
  #id: number | undefined;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  ask(id: number, prompt: string, password: boolean, request: Message): void {
    this.#id = id;
    this.#options.publisher.ask({ prompt, password }, request);
  }

  /** The cell that asked is gone. */
  forget(): void {
    this.#id = undefined;
  }

  /** A message on the stdin channel; what no question waits for is dropped. */
  receive(message: Message): void {
    if (message.header.msg_type !== "input_reply" || this.#id === undefined) return;
    const id = this.#id;
    const value = new RequestFields(message).optionalText("value") ?? "";
    this.#id = undefined;
    this.#options.answer(id, value);
  }
}
