/** `interact`: widgets for a function's parameters; the function runs again with each change and its outputs are drawn in place. */
import type { MimeBundle } from "../display";
import { DISPLAY } from "../display";
import { figureBundle, isFigure, PLOTLY_MIME } from "../figure-bundle";
import { boxTraits, vbox } from "./boxes";
import { type Button, button } from "./button";
import type { Kind } from "./model";
import { type Output, output } from "./output";
import type { NotebookOutput } from "./output-list";
import { type ParameterControl, type Parameters, type ParameterValues, parameterControl } from "./parameters";
import { WIDGET_MIME, Widget } from "./widget";

export interface InteractOptions {
  /** Runs when a button is pressed and not with each change; a text is the button's. Default false. */
  manual?: boolean | string;
}

/**
 * What is run: with the values by name, and with a signal that is aborted when newer values wait, the person interrupts, or the
 * widgets are disposed. Its result is shown as a cell's is.
 */
export type InteractTask<P extends Parameters> = (values: ParameterValues<P>, signal: AbortSignal) => unknown;

/** What was there stays for so long before a half-finished drawing replaces it, in ms. */
const graceMs = 400;
/** A saved notebook gets a still of the first run when that ends within so many ms. */
const stillMs = 5_000;

const kind: Kind<typeof boxTraits> = { name: "VBox", traits: boxTraits };

/** The widgets of one `interact`. */
class InteractionBox<P extends Parameters> extends Widget<typeof boxTraits> {
  readonly controls: Readonly<Record<keyof P, ParameterControl>>;
  readonly output: Output;
  readonly #task: InteractTask<P>;
  readonly #own: Widget[];
  #last: readonly NotebookOutput[] = [];
  #work: Promise<void> | undefined;
  /** How often a run was asked for. */
  #wishes = 0;
  #superseded = new AbortController();
  #interrupted: AbortSignal | undefined;

  constructor(parameters: P, task: InteractTask<P>, { manual = false }: InteractOptions) {
    const names = Object.keys(parameters);
    const made = names.map((name) => [name, parameterControl(name, parameters[name])] as const);
    const run: Button | undefined = manual
      ? button({ description: manual === true ? "Run" : manual, buttonStyle: "primary" })
      : undefined;
    const place = output();
    alignDescriptions(made.map(([, control]) => control));
    const rows = vbox([...made.map(([, control]) => control), ...(run ? [run] : [])]);
    super(kind, { children: [rows, place] });
    this.controls = Object.fromEntries(made) as Record<keyof P, ParameterControl>;
    this.output = place;
    this.#task = task;
    const given = new Set<unknown>(Object.values(parameters));
    this.#own = [rows, place, ...(run ? [run] : []), ...made.map(([, control]) => control)].filter(
      (widget) => !given.has(widget),
    ) as Widget[];
    if (run) run.onClick((signal) => this.run(signal));
    else
      for (const [, control] of made)
        control.onChange((_value, _former, signal) => this.run(signal), { gather: false });
    if (!run) void this.run();
  }

  /** The values of the parameters now. */
  get values(): ParameterValues<P> {
    const values = Object.entries(this.controls).map(([name, control]) => [name, control.value]);
    return Object.fromEntries(values) as ParameterValues<P>;
  }

  /**
   * Runs the function with the values as they are now. One run at a time: the one under way is told by its signal that newer values wait,
   * and when it has ended the function runs once more, with the newest.
   * @returns when the function has run with the newest values
   */
  run(interrupted?: AbortSignal): Promise<void> {
    this.#wishes += 1;
    this.#superseded.abort(new Error("interact: newer values wait"));
    // An interrupted run never ends.
    if (this.#interrupted?.aborted) this.#work = undefined;
    if (!this.#work) {
      this.#interrupted = interrupted;
      const work = this.#runNewest().finally(() => {
        if (this.#work === work) this.#work = undefined;
      });
      this.#work = work;
    }
    return this.#work;
  }

  override dispose(): void {
    if (this.isDisposed) return;
    super.dispose();
    this.#superseded.abort(new Error("interact: the widgets are gone"));
    for (const widget of this.#own) widget.dispose();
  }

  /** Waits for the first run, so that what is saved shows something where there are no widgets. */
  override async [DISPLAY](): Promise<MimeBundle> {
    await Promise.race([this.#work, new Promise((resolve) => setTimeout(resolve, stillMs).unref())]);
    const view = super[DISPLAY]() as MimeBundle;
    return { ...(await stillOf(this.#last)), ...view };
  }

  override toString(): string {
    const values = Object.entries(this.values).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return `interact(${values.join(", ")})`;
  }

  async #runNewest(): Promise<void> {
    for (let wishes = -1; wishes !== this.#wishes && !this.isDisposed; ) {
      wishes = this.#wishes;
      this.#superseded = new AbortController();
      const signals = [this.#superseded.signal, ...(this.#interrupted ? [this.#interrupted] : [])];
      const signal = AbortSignal.any(signals);
      const values = this.values;
      this.#last = await this.output.capture(() => this.#task(values, signal), { graceMs, signal });
    }
  }
}

export type Interaction<P extends Parameters> = InteractionBox<P>;

/**
 * Shows a widget for each parameter and runs `task` with their values, now and whenever one changes. Let it be the last expression of a
 * cell, or hand it to `show`.
 *
 * @example interact({ lr: [1e-5, 1e-2], expansion: [4, 16, 64], centre: true }, ({ lr, expansion }) => figureOf(lr, expansion))
 * @throws TypeError for a parameter that is none of `Parameter`'s forms
 */
export function interact<const P extends Parameters>(
  parameters: P,
  task: InteractTask<P>,
  options: InteractOptions = {},
): Interaction<P> {
  return new InteractionBox(parameters, task, options);
}

/** All names get the room of the longest, so that what stands beside them is in one column. */
function alignDescriptions(controls: readonly ParameterControl[]): void {
  const described = controls.filter((control) => "description" in control && "style" in control.kind.traits);
  const longest = Math.max(0, ...described.map(({ description = "" }) => description.length));
  const room = Math.max(10, longest + 1);
  for (const control of described) {
    control.style = { descriptionWidth: `${room}ch` } as never;
    control.layout.width = `calc(${room}ch + 24em)`;
  }
}

/** What shows without widgets: the last thing shown, a figure by its picture. */
async function stillOf(outputs: readonly NotebookOutput[]): Promise<MimeBundle> {
  const last = [...outputs].reverse().find((output) => output.output_type === "display_data");
  if (last?.output_type !== "display_data") return {};
  const { [PLOTLY_MIME]: figure, [WIDGET_MIME]: _view, ...still } = last.data;
  return isFigure(figure) ? { "image/jpeg": (await figureBundle(figure))["image/jpeg"] } : still;
}
