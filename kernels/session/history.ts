/** What was run in this session, for the front end's arrow keys and search. */
import type { Json } from "../protocol";

export type HistoryItem = [session: number, line: number, input: string];

export class History {
  readonly #items: HistoryItem[] = [];

  add(line: number, input: string): void {
    this.#items.push([1, line, input]);
  }

  /** Answers a history_request. Outputs are not kept: asked for, they are null. */
  answer(request: Json): unknown[] {
    const found = this.#find(request);
    if (request.output !== true) return found;
    return found.map(([session, line, input]) => [session, line, [input, null]]);
  }

  #find({ hist_access_type: kind, n, start, stop, pattern, unique }: Json): HistoryItem[] {
    const count = typeof n === "number" && n > 0 ? n : this.#items.length;
    if (kind === "tail") return this.#items.slice(-count);
    if (kind === "range") {
      const first = typeof start === "number" ? start : 0;
      const end = typeof stop === "number" && stop > 0 ? stop : Number.POSITIVE_INFINITY;
      return this.#items.filter(([, line]) => line >= first && line < end);
    }
    if (kind !== "search") return [];
    const matches = this.#items.filter(([, , input]) => globToRegExp(String(pattern ?? "*")).test(input));
    const wanted = unique === true ? [...new Map(matches.map((item) => [item[2], item])).values()] : matches;
    return wanted.slice(-count);
  }
}

/** `*` and `?` as in a shell; everything else stands for itself. */
function globToRegExp(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*/g, "[^]*").replace(/\?/g, "[^]")}$`);
}
