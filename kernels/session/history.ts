/** What was run in this and earlier sessions, for the front end's arrow keys and search. */
import { randomUUID } from "node:crypto";
import type { HistoryFile, HistoryItem } from "./history-file";
import type { RequestFields } from "./request";

/** As Jupyter sends it; 0 is the current session where a request named it so. */
export type HistoryEntry = [
  session: number,
  line: number,
  input: string | [input: string, output: string | null],
];

export interface HistoryOptions {
  /** Undefined: only this session's, in memory. */
  file: HistoryFile | undefined;
  /** Told once if the file cannot be written; the history is kept in memory from then on. */
  onFailure(error: unknown): void;
}

export class History {
  readonly #onFailure: HistoryOptions["onFailure"];
  readonly #id = randomUUID();
  /** This session's, also if they cannot be written. */
  readonly #own: HistoryItem[] = [];
  #file: HistoryFile | undefined;
  /** This session's number, once it has run something. */
  #number: number | undefined;

  constructor({ file, onFailure }: HistoryOptions) {
    this.#file = file;
    this.#onFailure = onFailure;
  }

  /** Before the cell runs, so that one which ends the kernel is found in the history. */
  add(line: number, input: string): void {
    this.#own.push({ session: 0, line, input, output: null });
    this.#try((file) => {
      this.#number ??= highest(file.read().numbers.values()) + 1;
      file.addInput({ id: this.#id, number: this.#number }, line, input);
    });
  }

  /** The result of the line that was added last, as text. */
  addOutput(line: number, output: string): void {
    const item = this.#own.at(-1);
    if (item?.line !== line) return;
    item.output = output;
    this.#try((file) => file.addOutput({ id: this.#id }, line, output));
  }

  /** Answers a history_request. */
  answer(request: RequestFields): HistoryEntry[] {
    const withOutput = request.boolean("output", false);
    const entry = ({ session, line, input, output }: HistoryItem): HistoryEntry => [
      session,
      line,
      withOutput ? [input, output] : input,
    ];
    return this.#find(request).map(entry);
  }

  #find(request: RequestFields): HistoryItem[] {
    const kind = request.oneOf("hist_access_type", ["range", "tail", "search"]);
    if (kind === "range") return this.#range(request);
    const [wanted, isUnique] = [request.optionalInteger("n"), request.boolean("unique", false)];
    const matches = globMatcher(kind === "search" ? (request.optionalText("pattern") ?? "*") : "*");
    const found = this.#all().filter(({ input }) => matches(input));
    const kept = kind === "search" && isUnique ? lastOfEach(found) : found;
    return wanted === undefined ? kept : kept.slice(Math.max(0, kept.length - wanted));
  }

  /** Lines of one session: 0 is this one, -1 the one before it, a number above 0 the session of that number. */
  #range(request: RequestFields): HistoryItem[] {
    const session = request.optionalInteger("session") ?? 0;
    const items = session === 0 ? this.#own : this.#ofSession(session);
    const length = (items.at(-1)?.line ?? 0) + 1;
    // Below 0 both count from the end; a stop of 0 is none.
    const fromEnd = (line: number) => (line < 0 ? line + length : line);
    const start = fromEnd(request.optionalInteger("start") ?? 0);
    const stop = fromEnd(request.optionalInteger("stop") || length);
    return items.filter(({ line }) => line >= start && line < stop);
  }

  #ofSession(session: number): HistoryItem[] {
    const { items, numbers } = this.#read();
    const wanted = session < 0 ? this.#current(numbers) + session : session;
    return items.filter((item) => item.session === wanted);
  }

  /** This session's number; the one it would get if it has not run anything. */
  #current(numbers: ReadonlyMap<string, number>): number {
    return numbers.get(this.#id) ?? highest(numbers.values()) + 1;
  }

  #all(): HistoryItem[] {
    const { items, numbers } = this.#read();
    const current = this.#current(numbers);
    const others = items.filter(({ session }) => session !== current);
    return [...others, ...this.#own.map((item) => ({ ...item, session: current }))];
  }

  #read(): ReturnType<HistoryFile["read"]> {
    return this.#file?.read() ?? { items: [], numbers: new Map() };
  }

  #try(work: (file: HistoryFile) => void): void {
    if (!this.#file) return;
    try {
      work(this.#file);
    } catch (error) {
      this.#file = undefined;
      this.#onFailure(error);
    }
  }
}

function highest(numbers: Iterable<number>): number {
  let found = 0;
  for (const number of numbers) found = Math.max(found, number);
  return found;
}

/** The newest of equal inputs. */
function lastOfEach(items: readonly HistoryItem[]): HistoryItem[] {
  const last = new Map(items.map((item) => [item.input, item]));
  return items.filter((item) => last.get(item.input) === item);
}

/** `*` and `?` as in a shell; everything else stands for itself. Takes time in proportion to both lengths, whatever the pattern. */
export function globMatcher(glob: string): (text: string) => boolean {
  return (text) => {
    let [at, position, star, retry] = [0, 0, -1, 0];
    while (position < text.length) {
      if (glob[at] === "*") {
        [star, retry] = [at, position];
        at += 1;
      } else if (at < glob.length && (glob[at] === "?" || glob[at] === text[position])) {
        at += 1;
        position += 1;
      } else if (star !== -1) {
        retry += 1;
        [at, position] = [star + 1, retry];
      } else {
        return false;
      }
    }
    while (glob[at] === "*") at += 1;
    return at === glob.length;
  };
}
