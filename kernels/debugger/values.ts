/** Values as a debugger lists them: each in one short line, and what is inside of those that have an inside. Calls no getter. */
import { inspect } from "node:util";

/** What a front end gets to see of a value. */
export interface ListedValue {
  value: string;
  type: string;
  /** By which to ask for what is inside; 0 for values without. */
  variablesReference: number;
}

export interface ListedVariable extends ListedValue {
  name: string;
}

/** Longer arrays, maps and sets are listed in groups of so many. */
const groupSize = 100;
const maxLength = 300;

/** A part of a long list. */
class Range {
  readonly items: ArrayLike<unknown>;
  readonly start: number;
  readonly end: number;

  constructor(items: ArrayLike<unknown>, start: number, end: number) {
    this.items = items;
    this.start = start;
    this.end = end;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** At most `groupSize` parts, each a power of `groupSize` long. */
  split(): Range[] {
    let size = groupSize;
    while (size * groupSize < this.length) size *= groupSize;
    const parts: Range[] = [];
    for (let start = this.start; start < this.end; start += size) {
      parts.push(new Range(this.items, start, Math.min(start + size, this.end)));
    }
    return parts;
  }
}

/** Names with values, as of a scope; by a name its value. */
export class Names {
  readonly values: ReadonlyMap<string, unknown>;

  constructor(values: ReadonlyMap<string, unknown>) {
    this.values = values;
  }
}

export class ValueList {
  /** Kept until `release`, so that a front end can look into them. */
  readonly #values = new Map<number, unknown>();
  #lastReference = 0;

  list(value: unknown): ListedValue {
    const variablesReference = hasInside(value) ? this.keep(value) : 0;
    return { value: describe(value), type: typeOf(value), variablesReference };
  }

  /** What is inside of a value; an empty list for one that is no longer kept. */
  inside(reference: number): ListedVariable[] {
    const value = this.#values.get(reference);
    if (value instanceof Range) return this.#listRange(value);
    if (value instanceof Names) return this.#listAll(value.values);
    if (!hasInside(value)) return [];
    return [...this.#listRange(itemsOf(value)), ...this.#listAll(propertiesOf(value))];
  }

  /** The reference by which `inside` finds the value. */
  keep(value: unknown): number {
    this.#lastReference += 1;
    this.#values.set(this.#lastReference, value);
    return this.#lastReference;
  }

  get(reference: number): unknown {
    return this.#values.get(reference);
  }

  release(): void {
    this.#values.clear();
  }

  #listAll(entries: Iterable<readonly [string, unknown]>): ListedVariable[] {
    return Array.from(entries, ([name, value]) => ({ name, ...this.list(value) }));
  }

  #listRange(range: Range): ListedVariable[] {
    if (range.length > groupSize) {
      return range.split().map((part) => {
        const name = `${part.start} … ${part.end - 1}`;
        return { name, value: "", type: "", variablesReference: this.keep(part) };
      });
    }
    const { items, start } = range;
    return Array.from({ length: range.length }, (_, i) => ({
      name: String(start + i),
      ...this.list(items[start + i]),
    }));
  }
}

/** One line, whatever the value; the person's own code (custom inspection, getters) is not called. */
function describe(value: unknown): string {
  if (value instanceof Unread) return "(getter)";
  const tensor = tensorHead(value);
  if (tensor) return tensor;
  if (typeof value === "function") return describeFunction(value);
  const text = inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    compact: true,
    customInspect: false,
    getters: false,
    maxArrayLength: 10,
    maxStringLength: maxLength,
  });
  const line = (value instanceof Error ? `${value.name}: ${value.message}` : text).replace(/\s*\n\s*/g, " ");
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

function describeFunction(value: object): string {
  const source = Function.prototype.toString.call(value);
  const name = String(Object.getOwnPropertyDescriptor(value, "name")?.value ?? "") || "(anonymous)";
  return source.startsWith("class") ? `class ${name}` : `function ${name}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  const maker = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(value) ?? {}, "constructor")?.value;
  const name = typeof maker === "function" ? maker.name : "Object";
  return isList(value) ? `${name}(${value.length})` : name;
}

function hasInside(value: unknown): value is object {
  if (value instanceof Unread) return false;
  return typeof value === "object" && value !== null;
}

/** Stands for a property that only its getter could tell. */
class Unread {}
const unread = new Unread();

/** What a list counts: the elements of arrays, maps and sets. */
function itemsOf(value: object): Range {
  let items: ArrayLike<unknown> = [];
  if (isList(value)) items = value;
  else if (value instanceof Set) items = [...Set.prototype.values.call(value)];
  else if (value instanceof Map) {
    items = Array.from(Map.prototype.entries.call(value), ([key, item]) => ({ key, value: item }));
  }
  return new Range(items, 0, items.length);
}

function* propertiesOf(value: object): Iterable<[string, unknown]> {
  const isItem = isList(value) ? (name: string) => /^(?:\d+|length)$/.test(name) : () => false;
  for (const name of Object.getOwnPropertyNames(isTypedArray(value) ? [] : value)) {
    if (isItem(name)) continue;
    const property = Object.getOwnPropertyDescriptor(value, name);
    if (property) yield [name, "value" in property ? property.value : unread];
  }
}

function isList(value: object): value is ArrayLike<unknown> & object {
  return Array.isArray(value) || isTypedArray(value);
}

function isTypedArray(value: object): boolean {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** A tensor in a word: its data type and shape. */
function tensorHead(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const own = Object.getOwnPropertyDescriptors(value) as Record<string, PropertyDescriptor | undefined>;
  const [shape, dtype] = [own.shape?.value, own.dtype?.value];
  if (!Array.isArray(shape) || typeof dtype !== "string" || !own.dataId) return undefined;
  return `Tensor ${dtype} [${shape.join(", ")}]${own.isDisposedInternal?.value ? " (disposed)" : ""}`;
}
