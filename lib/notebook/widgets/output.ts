/** A place in the page that shows what a task shows and prints; its contents live here, and so survive a page that is opened anew. */
import { inspect } from "node:util";
import { type CapturedOutput, type DisplayHook, displayHook, type Shown } from "../display";
import { isFigure, liveBundle } from "../figure-bundle";
import { isDataFrame, table } from "../table";
import type { Kind } from "./model";
import { type NotebookOutput, OutputList } from "./output-list";
import { json, type Values } from "./traits";
import { type Options, seen, Widget } from "./widget";

const traits = { ...seen, outputs: json<readonly NotebookOutput[]>([]) };
const kind: Kind<typeof traits> = { name: "Output", module: "output", traits };

/** Outputs that come one after another within so many ms are sent together. */
const gatherMs = 50;

export interface CaptureOptions {
  /** Adds to what is there instead of replacing it. Default false. */
  append?: boolean;
  /** What was there stays for so many ms, or until the task has ended: a figure that is drawn anew does not flicker. Default 0. */
  graceMs?: number;
  /** When aborted, what the task throws is not shown. */
  signal?: AbortSignal;
}

class OutputWidget extends Widget<typeof traits> {
  #timer: NodeJS.Timeout | undefined;
  /** Of the newest task: what an older one shows comes too late. */
  #list = new OutputList();

  /**
   * Runs a task; what it shows and prints, now or later, appears here, and so does its result, as a cell's would. An error that
   * it throws is shown as well and not thrown on.
   * @returns all that the task has shown
   */
  async capture(task: () => unknown, options: CaptureOptions = {}): Promise<readonly NotebookOutput[]> {
    const { append = false, graceMs = 0, signal } = options;
    if (!append) this.#list = new OutputList();
    const list = this.#list;
    const hook = displayHook();
    const drawsFrom = performance.now() + graceMs;
    const show = (output: CapturedOutput) => {
      list.add(output);
      this.#drawSoon(list, Math.max(gatherMs, drawsFrom - performance.now()));
    };
    const work = async () => {
      const shown = await shownResult(await task(), hook);
      if (shown) show({ type: "display", shown, update: false });
    };
    try {
      await (hook?.capture ? hook.capture(show, work) : work());
    } catch (error) {
      if (signal?.aborted) return list.outputs;
      if (!hook?.describe) throw error;
      list.addError(hook.describe(error));
    }
    this.#draw(list);
    return list.outputs;
  }

  clear(): void {
    this.#list = new OutputList();
    this.#draw(this.#list);
  }

  #drawSoon(list: OutputList, ms: number): void {
    if (list === this.#list) this.#timer ??= setTimeout(() => this.#draw(this.#list), ms);
  }

  #draw(list: OutputList): void {
    if (list !== this.#list || this.isDisposed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.set({ outputs: list.outputs });
  }
}

export type Output = OutputWidget & Omit<Values<typeof traits>, "layout" | "style">;

export function output(options?: Omit<Options<typeof traits>, "outputs">): Output {
  return new OutputWidget(kind, options) as unknown as Output;
}

/** Figures without the still picture, which takes longer than they do. */
async function shownResult(value: unknown, hook: DisplayHook | undefined): Promise<Shown | undefined> {
  if (value === undefined) return undefined;
  if (isFigure(value)) return { data: liveBundle(value), metadata: {} };
  const shown = isDataFrame(value) ? table(value) : value;
  if (hook?.bundle) return hook.bundle(shown);
  return { data: { "text/plain": typeof shown === "string" ? shown : inspect(shown) }, metadata: {} };
}
