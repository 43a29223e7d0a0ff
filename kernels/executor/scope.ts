/** The names that cells share: each is a getter (and setter) into the cell that declared it last. */

/** Reads, and for variables writes, the binding inside a cell. */
export type Accessor = readonly [get: () => unknown, set?: (value: unknown) => void];

/** Where a debugger finds the names, on `globalThis`. */
export const scopeSymbol = Symbol.for("Vitrine.scope");

export class Scope {
  /** What compiled cells read names of earlier cells from. */
  readonly values: Record<string, unknown>;

  /** @param builtIn names that cells see unless they declare such a one. */
  constructor(builtIn: object | null = null) {
    this.values = Object.create(builtIn);
    Object.defineProperty(globalThis, scopeSymbol, { value: this.values, configurable: true });
  }

  /** Shows the names of a cell that starts; returns what undoes that for names that the cell never brought to life. */
  declare(accessors: Readonly<Record<string, Accessor>>): Declared {
    const before = new Map<string, PropertyDescriptor | undefined>();
    for (const [name, [get, set]] of Object.entries(accessors)) {
      before.set(name, Object.getOwnPropertyDescriptor(this.values, name));
      Object.defineProperty(this.values, name, { get, set, configurable: true, enumerable: true });
    }
    return new Declared(this.values, accessors, before);
  }
}

/** The names of one run of a cell. */
export class Declared {
  readonly #values: Record<string, unknown>;
  readonly #accessors: Readonly<Record<string, Accessor>>;
  readonly #before: Map<string, PropertyDescriptor | undefined>;

  constructor(
    values: Record<string, unknown>,
    accessors: Readonly<Record<string, Accessor>>,
    before: Map<string, PropertyDescriptor | undefined>,
  ) {
    this.#values = values;
    this.#accessors = accessors;
    this.#before = before;
  }

  /** After the run: names that the run reached stay; for the others what was there before comes back. */
  settle(): string[] {
    const live: string[] = [];
    for (const [name, [get]] of Object.entries(this.#accessors)) {
      if (isAlive(get)) {
        live.push(name);
        continue;
      }
      const before = this.#before.get(name);
      if (before) Object.defineProperty(this.#values, name, before);
      else delete this.#values[name];
    }
    return live;
  }
}

/** False for a `const`, `let` or `class` whose line was not reached: reading it throws a ReferenceError. */
function isAlive(get: () => unknown): boolean {
  try {
    get();
    return true;
  } catch {
    return false;
  }
}
