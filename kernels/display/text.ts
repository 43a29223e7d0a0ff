/** Any value as text: objects coloured and bounded, numbers and strings as they are written. */
import { type InspectOptions, inspect, types } from "node:util";
import { previewOf, sampleSize, statisticsOf } from "./statistics";

const options: InspectOptions = {
  depth: 4,
  colors: true,
  maxArrayLength: 50,
  maxStringLength: 10_000,
  breakLength: 100,
};

/** No more characters are shown, colours included. */
const maxLength = 40_000;
/** Of an object with more properties only so many are shown. */
const maxProperties = 200;
const colourStart = "\u001b";

export function textOf(value: unknown): string {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) {
    return bounded(inspect(value, { ...options, colors: false }));
  }
  if (types.isTypedArray(value)) return describeArray(value);
  const shown = withFewProperties(value);
  try {
    return bounded(inspect(shown, options));
  } catch {
    // Its own `inspect` method failed; without it there is something to see.
    return bounded(inspect(shown, { ...options, customInspect: false }));
  }
}

/** `Float32Array(3) [1, 2, 3]`, and for more than a screenful what the values are like. */
function describeArray(array: NodeJS.TypedArray): string {
  if (array.length <= 50 || Buffer.isBuffer(array)) return inspect(array, options);
  const head = `${array.constructor.name}(${array.length}) [ ${previewOf(array, array.length)} ]`;
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) return head;
  const every = Math.ceil(array.length / sampleSize);
  const sample =
    every === 1
      ? array
      : Float64Array.from({ length: Math.ceil(array.length / every) }, (_, i) => array[i * every]);
  const note = every === 1 ? "" : ` (of one value in ${every})`;
  return `${head}\n${statisticsOf(sample)}${note}`;
}

/** `inspect` has limits for arrays, sets and maps, but none for properties. */
function withFewProperties(value: object): object {
  if (types.isProxy(value) || Array.isArray(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const names = Object.keys(value);
  if (names.length <= maxProperties) return value;
  const few = Object.create(prototype) as object;
  for (const name of names.slice(0, maxProperties)) {
    Object.defineProperty(few, name, Object.getOwnPropertyDescriptor(value, name) ?? {});
  }
  const rest = { [inspect.custom]: () => `${names.length - maxProperties} more properties` };
  return Object.assign(few, { "…": rest });
}

function bounded(text: string): string {
  if (text.length <= maxLength) return text;
  const end = text.lastIndexOf("\n", maxLength);
  const cut = text.slice(0, end > maxLength / 2 ? end : maxLength);
  // Not in the midst of a colour's code, and back to no colour.
  const code = cut.lastIndexOf(colourStart);
  const whole = code > cut.length - 8 && !cut.slice(code).includes("m") ? cut.slice(0, code) : cut;
  const reset = code === -1 ? "" : `${colourStart}[0m`;
  return `${whole}${reset}\n… ${text.length - whole.length} more characters`;
}
