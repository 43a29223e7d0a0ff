/** What a person may write for a parameter of `interact`, and the widget that it becomes. */
import { checkbox, floatLogSlider, floatSlider, floatText, intSlider, intText, textField } from "./controls";
import { dropdown, selectionSlider } from "./selection";
import { isWidget, type Valued, type Widget } from "./widget";

/** A range of numbers, spelled out. */
export interface NumberRange {
  min: number;
  max: number;
  step?: number;
  /** At first; default the middle (of the logarithms on a logarithmic scale). */
  value?: number;
  /** Whether the scale is logarithmic; default: when the range spans more than two decades and its ends are not both whole. */
  log?: boolean;
}

/** Options, spelled out, for lists that would be taken for a range. */
export interface OptionList {
  options: readonly unknown[] | Readonly<Record<string, unknown>>;
  /** At first; default the first option. */
  value?: unknown;
}

/**
 * - `[min, max]` with min < max: a slider;
 * - `[min, max, step]` with min < max, 0 < step <= max - min, and not step > max: a slider; so `[0, 10, 2]` is a range and
 *   `[4, 16, 64]`, which ascends, three options;
 * - any other array: options;
 * - true or false: a checkbox; a text: a text field; a number: a number field;
 * - `{ min, max, … }` and `{ options, … }`: the same, spelled out;
 * - a widget with a value: itself.
 */
export type Parameter =
  | readonly unknown[]
  | boolean
  | string
  | number
  | NumberRange
  | OptionList
  | (Widget & Valued<never>);

export type Parameters = Readonly<Record<string, Parameter>>;

type Widened<V> = V extends number ? number : V;

/** The type of a parameter's value. */
export type ParameterValue<P> =
  P extends Valued<infer V>
    ? V
    : P extends boolean
      ? boolean
      : P extends string
        ? string
        : P extends number
          ? number
          : P extends readonly (infer V)[]
            ? Widened<V>
            : P extends { options: readonly (infer V)[] }
              ? Widened<V>
              : P extends { options: Readonly<Record<string, infer V>> }
                ? Widened<V>
                : P extends NumberRange
                  ? number
                  : never;

export type ParameterValues<P extends Parameters> = { -readonly [K in keyof P]: ParameterValue<P[K]> };

/** A widget whose value is a parameter's. */
export type ParameterControl = Widget & Valued<unknown> & { description?: string };

/** @throws TypeError for what is none of them */
export function parameterControl(name: string, parameter: Parameter): ParameterControl {
  return makeControl(name, parameter) as unknown as ParameterControl;
}

function makeControl(name: string, parameter: Parameter): unknown {
  if (isWidget(parameter)) {
    if ("value" in parameter && "onChange" in parameter) return parameter;
    throw new TypeError(`interact: expected a widget with a value for ${name}, got ${parameter}`);
  }
  const description = name;
  if (typeof parameter === "boolean") return checkbox({ description, value: parameter, indent: true });
  if (typeof parameter === "string") return textField({ description, value: parameter });
  if (typeof parameter === "number") {
    const field = Number.isInteger(parameter) ? intText : floatText;
    return field({ description, value: parameter });
  }
  if (Array.isArray(parameter)) {
    const range = rangeOf(parameter);
    return range ? slider(name, range) : choice(name, { options: parameter });
  }
  if (typeof parameter === "object" && parameter !== null) {
    if ("options" in parameter) return choice(name, parameter);
    if ("min" in parameter && "max" in parameter) return slider(name, parameter);
  }
  throw new TypeError(
    `interact: expected a range, options, a boolean, a text, a number or a widget for ${name}, got ${JSON.stringify(parameter)}`,
  );
}

/** The range that an array stands for, if it stands for one. */
export function rangeOf(values: readonly unknown[]): NumberRange | undefined {
  if (!values.every((value) => typeof value === "number" && Number.isFinite(value))) return undefined;
  const [min, max, step] = values as number[];
  if (values.length < 2 || values.length > 3 || min >= max) return undefined;
  if (values.length === 2) return { min, max };
  return step > 0 && step <= max - min && step <= max ? { min, max, step } : undefined;
}

function slider(name: string, { min, max, step, value, log }: NumberRange) {
  if (!(min < max)) throw new RangeError(`interact: expected min < max for ${name}, got ${min} and ${max}`);
  const description = name;
  const isWhole = [min, max, step ?? 1, value ?? min].every(Number.isInteger);
  if (log ?? (!isWhole && step === undefined && min > 0 && max / min > 100)) {
    if (min <= 0)
      throw new RangeError(`interact: expected min > 0 for ${name} on a logarithmic scale, got ${min}`);
    const [low, high] = [Math.log10(min), Math.log10(max)];
    // The ends are exact: a step of the exponent that divides the range.
    return floatLogSlider({
      description,
      min: low,
      max: high,
      step: (high - low) / 100,
      value: value ?? tidy(10 ** ((low + high) / 2)),
    });
  }
  if (isWhole) {
    const middle = min + Math.floor((max - min) / 2 / (step ?? 1)) * (step ?? 1);
    return intSlider({ description, min, max, step: step ?? 1, value: value ?? middle });
  }
  const size = step ?? tidy(10 ** Math.floor(Math.log10((max - min) / 50)));
  const digits = Math.max(0, -Math.floor(Math.log10(size)));
  const middle = tidy(min + Math.round((max - min) / 2 / size) * size);
  return floatSlider({
    description,
    min,
    max,
    step: size,
    value: value ?? middle,
    readoutFormat: digits > 6 ? ".3g" : `.${digits}f`,
  });
}

/** Numbers in ascending order are slid over, other options chosen from a list. */
function choice(name: string, { options, value }: OptionList) {
  const isAscending =
    Array.isArray(options) &&
    options.length > 1 &&
    options.every((v, i) => typeof v === "number" && (i === 0 || v > options[i - 1]));
  const make = isAscending ? selectionSlider : dropdown;
  return make({ description: name, options, value });
}

/** Without the last digits of floating-point arithmetic. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}
