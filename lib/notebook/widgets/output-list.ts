/** The outputs of a task in notebook format, built up from what it shows and prints, as a notebook's page builds up a cell's. */
import type { CapturedOutput, ErrorDescription, MimeBundle, MimeMetadata } from "../display";

/** One output as a notebook file has it. */
export type NotebookOutput =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: string }
  | { output_type: "display_data"; data: MimeBundle; metadata: MimeMetadata }
  | ({ output_type: "error" } & ErrorDescription);

/** All of it goes to the page with each change: of what is printed only so many of the last characters are kept. */
const maxPrinted = 50_000;

export class OutputList {
  #outputs: NotebookOutput[] = [];
  readonly #displays = new Map<string, NotebookOutput[]>();
  #clearsAtNext = false;

  /** Copies, which later changes leave alone. */
  get outputs(): readonly NotebookOutput[] {
    return this.#outputs.map((output) => ({ ...output }));
  }

  get isEmpty(): boolean {
    return this.#outputs.length === 0;
  }

  add(output: CapturedOutput): void {
    if (output.type === "clear") {
      this.#clearsAtNext = output.wait;
      if (!output.wait) this.#clear();
    } else if (output.type === "stream") {
      this.#print(output.name, output.text);
    } else if (output.update) {
      for (const shown of this.#displays.get(output.displayId ?? "") ?? [])
        Object.assign(shown, output.shown);
    } else {
      const shown: NotebookOutput = { output_type: "display_data", ...output.shown };
      this.#push(shown);
      const { displayId } = output;
      if (displayId !== undefined)
        this.#displays.set(displayId, [...(this.#displays.get(displayId) ?? []), shown]);
    }
  }

  addError(error: ErrorDescription): void {
    this.#push({ output_type: "error", ...error });
  }

  #push(output: NotebookOutput): void {
    if (this.#clearsAtNext) this.#clear();
    this.#outputs.push(output);
  }

  #print(name: "stdout" | "stderr", text: string): void {
    if (this.#clearsAtNext) this.#clear();
    let last = this.#outputs.at(-1);
    if (last?.output_type !== "stream" || last.name !== name) {
      last = { output_type: "stream", name, text: "" };
      this.#outputs.push(last);
    }
    last.text += text;
    if (last.text.length > maxPrinted) last.text = `…${last.text.slice(-maxPrinted)}`;
  }

  #clear(): void {
    this.#clearsAtNext = false;
    this.#outputs = [];
    this.#displays.clear();
  }
}
