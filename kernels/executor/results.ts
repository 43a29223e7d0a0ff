/** Past inputs and results by the cell's number: what `In`, `Out`, `_`, `__` and `___` mean in a cell. */
import { keptResults } from "../compiler";

/** Of results that are made of bytes (typed arrays, buffers), so many bytes are kept beside the last one: 256 MiB. */
const keptBytes = 2 ** 28;
/** Inputs are texts: so many are kept. */
const keptInputs = 1_000;

interface Result {
  line: number;
  value: unknown;
  bytes: number;
}

export class PastResults {
  /** Getters of the names, to be found by cells. */
  readonly names: object;
  readonly #inputs: string[] = [];
  /** The newest last. */
  readonly #results: Result[] = [];
  #newestDropped = 0;

  constructor() {
    const out = this.#lookUp();
    this.names = Object.create(null, {
      In: { get: () => this.#inputs },
      Out: { get: () => out },
      ...Object.fromEntries(
        ["_", "__", "___"].map((name, i) => [name, { get: () => this.#results.at(-1 - i)?.value }]),
      ),
    });
  }

  addInput(line: number, source: string): void {
    this.#inputs[line] = source;
    delete this.#inputs[line - keptInputs];
  }

  /** The last result is always kept, older ones within the limits; a dropped one is not disposed: it may be somebody's. */
  add(line: number, value: unknown): void {
    this.#results.push({ line, value, bytes: bytesOf(value) });
    let bytes = 0;
    for (let i = this.#results.length - 1; i >= 0; i -= 1) {
      bytes += this.#results[i].bytes;
      const isNewest = i === this.#results.length - 1;
      const isKept = isNewest || (bytes <= keptBytes && this.#results.length - i <= keptResults);
      if (isKept) continue;
      this.#newestDropped = this.#results[i].line;
      this.#results.splice(0, i + 1);
      break;
    }
  }

  /** `Out`: a record of the results that are kept. Asking for one that was dropped is an error. */
  #lookUp(): object {
    const find = (key: string | symbol) => this.#results.find(({ line }) => String(line) === key);
    return new Proxy(Object.create(null) as object, {
      get: (_, key) => {
        const found = find(key);
        const line = Number(typeof key === "string" ? key : Number.NaN);
        if (!found && line >= 1 && line <= this.#newestDropped)
          throw new RangeError(
            `Out[${line}]: expected one of the last ${keptResults} results, got an older one (do: keep it in a variable)`,
          );
        return found?.value;
      },
      has: (_, key) => find(key) !== undefined,
      ownKeys: () => this.#results.map(({ line }) => String(line)),
      getOwnPropertyDescriptor: (_, key) => {
        const found = find(key);
        return found && { value: found.value, enumerable: true, configurable: true, writable: false };
      },
      deleteProperty: (_, key) => {
        const found = find(key);
        if (found) this.#results.splice(this.#results.indexOf(found), 1);
        return true;
      },
      set: () => false,
    });
  }
}

function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.buffer.byteLength;
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer ? value.byteLength : 0;
}
