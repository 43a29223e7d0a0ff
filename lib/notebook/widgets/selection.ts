/** Widgets that choose one of several options, of any type: only their labels go to the page. */
import { inspect } from "node:util";
import { buttonColours, described, disabled, sliding } from "./controls";
import type { Kind } from "./model";
import { descriptionStyle, toggleButtonsStyle } from "./styles";
import type { ChangeHandler, SubscriptionOptions } from "./subscription";
import { child, integer, oneOf, type Traits, texts, type Values, wired } from "./traits";
import { type Options, type Valued, Widget } from "./widget";

/** The options, or options by their labels. */
export type Choices<V> = readonly V[] | Readonly<Record<string, V>>;

const selecting = {
  ...described,
  ...disabled,
  labels: { ...wired("_options_labels", texts()), fixed: true },
  index: integer(0),
};
type Selecting = typeof selecting;

/** What a selection is made from. */
export type SelectionOptions<V, T extends Traits> = Omit<Options<T>, "labels" | "index"> & {
  options: Choices<V>;
  /** One of the options; default the first. */
  value?: V;
};

/** A widget whose `value` is one of its `options`. */
export class Selection<V, T extends Selecting = Selecting> extends Widget<T> implements Valued<V> {
  #choices: readonly V[];

  constructor(kind: Kind<T>, { options, value, ...rest }: SelectionOptions<V, T>) {
    const { labels, choices } = readChoices(kind.name, options);
    const index = value === undefined ? 0 : indexOf(kind.name, choices, labels, value);
    super(kind, { ...rest, labels, index } as unknown as Options<T>);
    this.#choices = choices;
  }

  get value(): V {
    return this.#choices[this.get("index") as number];
  }

  set value(value: V) {
    const index = indexOf(this.kind.name, this.#choices, this.get("labels") as readonly string[], value);
    this.set({ index } as Partial<Values<T>>);
  }

  get options(): readonly V[] {
    return this.#choices;
  }

  /** Other options; the value stays if it is among them, or else becomes the first. */
  set options(options: Choices<V>) {
    const { labels, choices } = readChoices(this.kind.name, options);
    const index = Math.max(0, choices.indexOf(this.value));
    this.#choices = choices;
    this.set({ labels, index } as unknown as Partial<Values<T>>);
  }

  onChange(handler: ChangeHandler<V>, options?: SubscriptionOptions): () => void {
    const changed = (index: number, former: number, signal?: AbortSignal) =>
      handler(this.#choices[index], this.#choices[former], signal);
    return this.observe("index", changed as ChangeHandler<Values<T>["index"]>, options);
  }
}

function readChoices<V>(where: string, options: Choices<V>): { labels: string[]; choices: readonly V[] } {
  const isList = Array.isArray(options);
  const choices: readonly V[] = isList ? [...options] : Object.values(options);
  if (choices.length === 0) throw new TypeError(`${where}: expected options, got none`);
  const labels = isList ? choices.map((option) => labelOf(option)) : Object.keys(options);
  return { labels, choices };
}

function labelOf(option: unknown): string {
  return typeof option === "object"
    ? inspect(option, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
    : String(option);
}

function indexOf<V>(where: string, choices: readonly V[], labels: readonly string[], value: V): number {
  const index = choices.indexOf(value);
  if (index === -1)
    throw new TypeError(`${where}.value: expected one of ${labels.join(", ")}, got ${labelOf(value)}`);
  return index;
}

/** A selection with its other values as properties. */
export type Choosing<V, T extends Selecting> = Selection<V, T> & Omit<Values<T>, "layout" | "style">;

function selection<T extends Selecting>(kind: Kind<T>) {
  // An index from the page must be that of an option.
  const settle = (values: Values<T>): Partial<Values<T>> => {
    const { labels, index } = values as Values<Selecting>;
    if (index < 0 || index >= labels.length) {
      throw new RangeError(`${kind.name}.index: expected 0 … ${labels.length - 1}, got ${index}`);
    }
    return {};
  };
  return <const V>(options: SelectionOptions<V, T>): Choosing<V, T> =>
    new Selection<V, T>({ ...kind, settle }, options) as unknown as Choosing<V, T>;
}

export const dropdown = selection({
  name: "Dropdown",
  traits: { ...selecting, style: child(descriptionStyle) },
});

export const selectionSlider = selection({ name: "SelectionSlider", traits: { ...sliding, ...selecting } });

export const radioButtons = selection({
  name: "RadioButtons",
  traits: { ...selecting, style: child(descriptionStyle), orientation: oneOf("vertical", "horizontal") },
});

/** A row of buttons of which one is pressed. */
export const toggleButtons = selection({
  name: "ToggleButtons",
  traits: {
    ...selecting,
    style: child(toggleButtonsStyle),
    buttonStyle: buttonColours,
    icons: texts(),
    tooltips: texts(),
  },
});
