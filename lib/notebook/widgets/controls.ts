/** The table of widgets with one value: each is a name, its style, and its named values with ipywidgets' defaults. */
import type { Kind } from "./model";
import {
  checkboxStyle,
  descriptionStyle,
  htmlStyle,
  labelStyle,
  progressStyle,
  sliderStyle,
  textStyle,
  toggleButtonStyle,
} from "./styles";
import type { ChangeHandler, SubscriptionOptions } from "./subscription";
import {
  bytes,
  child,
  flag,
  integer,
  number,
  oneOf,
  optional,
  pair,
  type Trait,
  type Traits,
  text,
  type Values,
} from "./traits";
import { type Control, type Options, seen, type Valued, Widget } from "./widget";

/** What most widgets have: a text beside them. */
export const described = { ...seen, description: text(), descriptionAllowHtml: flag(false) };
export const disabled = { disabled: flag(false) };
export const sliding = {
  ...described,
  ...disabled,
  style: child(sliderStyle),
  orientation: oneOf("horizontal", "vertical"),
  behavior: oneOf("drag-tap", "drag-snap", "tap", "drag", "snap"),
  continuousUpdate: flag(true),
  readout: flag(true),
};
const typing = { ...described, ...disabled, continuousUpdate: flag(false) };
const writing = {
  ...described,
  ...disabled,
  style: child(textStyle),
  continuousUpdate: flag(true),
  placeholder: text("\u200b"),
  value: text(),
};
const telling = { ...described, placeholder: text("\u200b"), value: text() };

type WithValue = Traits & { value: Trait<unknown> };
type ValueOf<T> = T extends { value: Trait<infer V> } ? V : never;

class ValueWidget<T extends WithValue> extends Widget<T> {
  onChange(handler: ChangeHandler<ValueOf<T>>, options?: SubscriptionOptions): () => void {
    return this.observe("value", handler as ChangeHandler<Values<T>["value"]>, options);
  }
}

/** A factory for one kind of widget. */
function control<T extends WithValue>(
  kind: Kind<T>,
): (options?: Options<T>) => Control<T> & Valued<ValueOf<T>> {
  return (options) => new ValueWidget(kind, options) as unknown as Control<T> & Valued<ValueOf<T>>;
}

interface Bounded {
  min: number;
  max: number;
}

function checkBounds(name: string, { min, max }: Bounded): void {
  if (min > max) throw new RangeError(`${name}: expected min <= max, got ${min} > ${max}`);
}

/** A value outside of its bounds moves to the nearer one. */
function clamp<V extends Bounded & { value: number }>(name: string) {
  return (values: V): Partial<V> => {
    checkBounds(name, values);
    return { value: Math.min(Math.max(values.value, values.min), values.max) } as Partial<V>;
  };
}

function clampPair<V extends Bounded & { value: readonly [number, number] }>(name: string) {
  return (values: V): Partial<V> => {
    const { min, max, value } = values;
    checkBounds(name, values);
    return { value: value.map((v) => Math.min(Math.max(v, min), max)) } as unknown as Partial<V>;
  };
}

export const intSlider = control({
  name: "IntSlider",
  traits: {
    ...sliding,
    value: integer(0),
    min: integer(0),
    max: integer(100),
    step: integer(1),
    readoutFormat: text("d"),
  },
  settle: clamp("intSlider"),
});

export const floatSlider = control({
  name: "FloatSlider",
  traits: {
    ...sliding,
    value: number(0),
    min: number(0),
    max: number(100),
    step: number(0.1),
    readoutFormat: text(".2f"),
  },
  settle: clamp("floatSlider"),
});

/** A slider on a logarithmic scale: `value` is the number itself, `min` and `max` are exponents of `base`. */
export const floatLogSlider = control({
  name: "FloatLogSlider",
  traits: {
    ...sliding,
    value: number(1),
    base: number(10),
    min: number(0),
    max: number(4),
    step: number(0.1),
    readoutFormat: text(".3g"),
  },
  settle: (values) => {
    const { base, min, max, value } = values;
    checkBounds("floatLogSlider", values);
    if (!(base > 1)) throw new RangeError(`floatLogSlider: expected a base above 1, got ${base}`);
    return { value: Math.min(Math.max(value, base ** min), base ** max) };
  },
});

export const intRangeSlider = control({
  name: "IntRangeSlider",
  traits: {
    ...sliding,
    value: pair(integer(0), [25, 75]),
    min: integer(0),
    max: integer(100),
    step: integer(1),
    readoutFormat: text("d"),
  },
  settle: clampPair("intRangeSlider"),
});

export const floatRangeSlider = control({
  name: "FloatRangeSlider",
  traits: {
    ...sliding,
    value: pair(number(0), [25, 75]),
    min: number(0),
    max: number(100),
    step: number(0.1),
    readoutFormat: text(".2f"),
  },
  settle: clampPair("floatRangeSlider"),
});

export const intText = control({
  name: "IntText",
  traits: { ...typing, style: child(descriptionStyle), value: integer(0), step: integer(1) },
});

export const floatText = control({
  name: "FloatText",
  traits: { ...typing, style: child(descriptionStyle), value: number(0), step: optional(number(0)) },
});

export const boundedIntText = control({
  name: "BoundedIntText",
  view: "IntTextView",
  traits: {
    ...typing,
    style: child(descriptionStyle),
    value: integer(0),
    min: integer(0),
    max: integer(100),
    step: integer(1),
  },
  settle: clamp("boundedIntText"),
});

export const boundedFloatText = control({
  name: "BoundedFloatText",
  view: "FloatTextView",
  traits: {
    ...typing,
    style: child(descriptionStyle),
    value: number(0),
    min: number(0),
    max: number(100),
    step: optional(number(0)),
  },
  settle: clamp("boundedFloatText"),
});

export const textField = control({ name: "Text", traits: writing });
export const textarea = control({ name: "Textarea", traits: { ...writing, rows: optional(integer(0)) } });

export const checkbox = control({
  name: "Checkbox",
  traits: { ...described, ...disabled, style: child(checkboxStyle), value: flag(false), indent: flag(true) },
});

export const buttonColours = oneOf("", "primary", "success", "info", "warning", "danger");

export const toggleButton = control({
  name: "ToggleButton",
  traits: {
    ...described,
    ...disabled,
    style: child(toggleButtonStyle),
    value: flag(false),
    buttonStyle: buttonColours,
    icon: text(),
  },
});

export const label = control({ name: "Label", traits: { ...telling, style: child(labelStyle) } });
export const html = control({ name: "HTML", traits: { ...telling, style: child(htmlStyle) } });

/** A picture from the bytes of a file, in `format`; `width` and `height` are texts of pixels. */
export const picture = control({
  name: "Image",
  traits: { ...seen, value: bytes(), format: text("png"), width: text(), height: text() },
});

const progressing = {
  ...described,
  style: child(progressStyle),
  orientation: oneOf("horizontal", "vertical"),
  barStyle: oneOf("", "success", "info", "warning", "danger"),
};

export const intProgress = control({
  name: "IntProgress",
  view: "ProgressView",
  traits: { ...progressing, value: integer(0), min: integer(0), max: integer(100) },
  settle: clamp("intProgress"),
});

export const floatProgress = control({
  name: "FloatProgress",
  view: "ProgressView",
  traits: { ...progressing, value: number(0), min: number(0), max: number(100) },
  settle: clamp("floatProgress"),
});
