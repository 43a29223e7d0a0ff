/** What a widget consists of: named values, each with its first value, its check, and its form on the wire. */
import { type Kind, Model } from "./model";

/** One named value of a widget. */
export interface Trait<T> {
  readonly initial: T;
  /** A person's value or the page's JSON -> the value. @throws TypeError for anything else */
  read(value: unknown, where: string): T;
  /** The value -> JSON, with binary parts as Uint8Array. Default: as it is. */
  write?(value: T): unknown;
  /** Its name on the wire; default: the name in snake_case. */
  readonly wire?: string;
  /** The page may not change it. */
  readonly fixed?: boolean;
}

export type Traits = Readonly<Record<string, Trait<unknown>>>;

/** The values of traits. */
export type Values<T extends Traits> = { -readonly [K in keyof T]: T[K] extends Trait<infer V> ? V : never };

function expected(where: string, what: string, value: unknown): never {
  const got = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new TypeError(`${where}: expected ${what}, got ${got}`);
}

export function number(initial: number): Trait<number> {
  return {
    initial,
    read: (value, where) =>
      typeof value === "number" && Number.isFinite(value) ? value : expected(where, "a finite number", value),
  };
}

export function integer(initial: number): Trait<number> {
  return {
    initial,
    read: (value, where) =>
      Number.isSafeInteger(value) ? (value as number) : expected(where, "a whole number", value),
  };
}

export function text(initial = ""): Trait<string> {
  return {
    initial,
    read: (value, where) => (typeof value === "string" ? value : expected(where, "a text", value)),
  };
}

export function flag(initial: boolean): Trait<boolean> {
  return {
    initial,
    read: (value, where) => (typeof value === "boolean" ? value : expected(where, "true or false", value)),
  };
}

export function oneOf<const V extends string>(...values: readonly [V, ...V[]]): Trait<V> {
  return {
    initial: values[0],
    read: (value, where) =>
      values.includes(value as V)
        ? (value as V)
        : expected(where, values.map((v) => `"${v}"`).join(", "), value),
  };
}

/** A trait that may also be null, and is at first. */
export function optional<T>(trait: Trait<T>): Trait<T | null> {
  const { read } = trait;
  return {
    ...trait,
    initial: null,
    read: (value, where) => (value === null ? null : read(value, where)),
  } as Trait<T | null>;
}

/** Two numbers, the lower one first. */
export function pair(
  item: Trait<number>,
  initial: readonly [number, number],
): Trait<readonly [number, number]> {
  return {
    initial,
    read: (value, where) => {
      if (!Array.isArray(value) || value.length !== 2) return expected(where, "[lower, upper]", value);
      const [lower, upper] = value.map((v) => item.read(v, where));
      return lower <= upper ? [lower, upper] : expected(where, "lower <= upper", `[${value}]`);
    },
  };
}

export function texts(): Trait<readonly string[]> {
  return {
    initial: [],
    read: (value, where) =>
      Array.isArray(value) && value.every((v) => typeof v === "string")
        ? [...value]
        : expected(where, "an array of texts", value),
  };
}

export function bytes(): Trait<Uint8Array> {
  return {
    initial: new Uint8Array(),
    read: (value, where) => (value instanceof Uint8Array ? value : expected(where, "bytes", value)),
  };
}

/** Plain JSON that only the kernel writes. */
export function json<T>(initial: T): Trait<T> {
  return { initial, fixed: true, read: (value) => value as T };
}

/** Another model, by reference; given as it is or as a record of its values. */
export function child<T extends Traits>(kind: Kind<T>): Trait<Model<T> | null> {
  return {
    initial: null,
    fixed: true,
    read: (value, where) => {
      if (value === null || value instanceof Model) return value;
      return typeof value === "object" ? new Model(kind, value) : expected(where, "a record", value);
    },
    write: (value) => value && reference(value),
  };
}

/** How a model stands for itself in the state of another. */
export function reference({ id }: { id: string }): string {
  return `IPY_MODEL_${id}`;
}

/** The same trait under another name on the wire. */
export function wired<T>(wire: string, trait: Trait<T>): Trait<T> {
  return { ...trait, wire };
}
