/**
 * What was run in all sessions, in files that several kernels append to at once and that a kill leaves whole.
 *
 * Records are JSON text sequences (RFC 7464: a record separator, JSON, a newline), each appended in a single write. One that was cut
 * off spoils nothing but itself. The newest file is written to; at `maxFileBytes` the next number begins, and all but the last two go.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import path from "node:path";

export interface HistoryItem {
  /** Sessions are counted from 1, in the order in which they began. */
  session: number;
  line: number;
  input: string;
  /** The result as text, if the cell had one and it is short. */
  output: string | null;
}

/** Short names: a record is written for each cell. */
type Record =
  /** An input: session's id, its number as it seemed at its start, line, text. */
  | { s: string; n: number; l: number; i: string }
  /** The result of a line. */
  | { s: string; l: number; o: string };

export interface HistoryFileOptions {
  folder: string;
  /** 4 MiB; two files of it are kept, some ten thousands of cells. */
  maxFileBytes?: number;
}

/** Longer inputs (pasted data) are not kept: characters. */
const maxInput = 100_000;
/** Longer results are not kept: characters. */
const maxOutput = 4_000;

const fileName = /^history-(\d{6})\.json-seq$/;

export class HistoryFile {
  readonly #folder: string;
  readonly #maxFileBytes: number;
  #open: { descriptor: number; number: number } | undefined;

  constructor({ folder, maxFileBytes = 4 * 2 ** 20 }: HistoryFileOptions) {
    this.#folder = folder;
    this.#maxFileBytes = maxFileBytes;
  }

  /** @throws Error if the folder cannot be written. */
  addInput(session: { id: string; number: number }, line: number, input: string): void {
    if (input.length <= maxInput) this.#append({ s: session.id, n: session.number, l: line, i: input });
  }

  addOutput(session: { id: string }, line: number, output: string): void {
    if (output.length <= maxOutput) this.#append({ s: session.id, l: line, o: output });
  }

  /** All that is kept, in the order in which it was run, and each session's number by its id. */
  read(): { items: HistoryItem[]; numbers: Map<string, number> } {
    const items: HistoryItem[] = [];
    const numbers = new Map<string, number>();
    const inputs = new Map<string, HistoryItem>();
    let last = 0;
    for (const record of this.#records()) {
      const key = `${record.s} ${record.l}`;
      if ("o" in record) {
        const item = inputs.get(key);
        if (item) item.output = record.o;
        continue;
      }
      // Two sessions that began at the same moment chose the same number: the second in the file is the later one.
      if (!numbers.has(record.s)) {
        last = Math.max(last + 1, record.n);
        numbers.set(record.s, last);
      }
      const session = numbers.get(record.s) as number;
      const item = { session, line: record.l, input: record.i, output: null };
      items.push(item);
      inputs.set(key, item);
    }
    return { items, numbers };
  }

  *#records(): Generator<Record> {
    for (const number of this.#numbers()) {
      const text = readIfThere(this.#path(number));
      for (const part of text.split("\u001e")) {
        const record = parseRecord(part);
        if (record) yield record;
      }
    }
  }

  #append(record: Record): void {
    this.#open ??= this.#openNewest();
    writeSync(this.#open.descriptor, `\u001e${JSON.stringify(record)}\n`);
    if (fstatSync(this.#open.descriptor).size <= this.#maxFileBytes) return;
    // Another kernel may do the same at this moment: it comes to the same file, and removes the same ones.
    closeSync(this.#open.descriptor);
    const next = this.#open.number + 1;
    this.#open = { descriptor: openSync(this.#path(next), "a", 0o600), number: next };
    for (const number of this.#numbers()) {
      if (number < next - 1) rmSync(this.#path(number), { force: true });
    }
  }

  #openNewest(): { descriptor: number; number: number } {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const number = this.#numbers().at(-1) ?? 1;
    return { descriptor: openSync(this.#path(number), "a", 0o600), number };
  }

  /** Numbers of the files that are there, oldest first. */
  #numbers(): number[] {
    let names: string[] = [];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return [];
    }
    const numbers = names.map((name) => Number(fileName.exec(name)?.[1] ?? 0)).filter((number) => number > 0);
    return numbers.sort((a, b) => a - b);
  }

  #path(number: number): string {
    return path.join(this.#folder, `history-${String(number).padStart(6, "0")}.json-seq`);
  }
}

/** A file that another kernel has just removed is empty. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Undefined for what a kill cut off and for what this version does not know. */
function parseRecord(text: string): Record | undefined {
  try {
    const { s, n, l, i, o } = JSON.parse(text) as { [key: string]: unknown };
    if (typeof s !== "string" || typeof l !== "number") return undefined;
    if (typeof o === "string") return { s, l, o };
    return typeof n === "number" && typeof i === "string" ? { s, n, l, i } : undefined;
  } catch {
    return undefined;
  }
}
