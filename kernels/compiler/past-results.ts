/** The types of past results: `Out[3]`, `_`, `__` and `___` in a cell are typed as what those cells ended with. */
import ts from "typescript";
import { keptResults } from "./contract";

/** The name under which a checked cell exports its result; no other cell can say it. */
const exportName = "$out$";

/** Names of the results from the last one backwards. */
const lastNames = ["_", "__", "___"];

export const resultNames: readonly string[] = ["Out", "In", ...lastNames];

/** A piece of text that the compiler puts into the person's, which has no line break. */
export interface Insertion {
  /** Where, in the person's text. */
  at: number;
  text: string;
}

/** What makes an export of the last expression; none if the cell ends with something else. */
export function resultExport(file: ts.SourceFile): Insertion[] {
  const last = file.statements.at(-1);
  if (!last || !ts.isExpressionStatement(last)) return [];
  const { expression } = last;
  return [
    { at: expression.getStart(file), text: `export const ${exportName} = (` },
    { at: expression.end, text: ")" },
  ];
}

export function insert(text: string, insertions: readonly Insertion[]): string {
  let result = "";
  let done = 0;
  for (const { at, text: piece } of insertions) {
    result += text.slice(done, at) + piece;
    done = at;
  }
  return result + text.slice(done);
}

/** Cells with a result by their number, the newest last. */
export class PastResults<Cell extends { name: string }> {
  readonly #cells = new Map<number, Cell>();

  add(line: number, cell: Cell): void {
    this.#cells.delete(line);
    this.#cells.set(line, cell);
    if (this.#cells.size > keptResults) this.#cells.delete(this.#cells.keys().next().value as number);
  }

  /** Their types must stay. */
  get cells(): Iterable<Cell> {
    return this.#cells.values();
  }

  /** One line that declares `names`, and the cells that their types need. */
  declare(names: Iterable<string>): { text: string; needs: Cell[] } {
    const newest = [...this.#cells.values()].reverse();
    const texts: string[] = [];
    const needs: Cell[] = [];
    for (const name of names) {
      if (name === "In") {
        texts.push("declare const In: readonly string[]; ");
      } else if (name === "Out") {
        const members = [...this.#cells].map(([line, cell]) => `readonly ${line}: ${typeOf(cell)}; `);
        texts.push(`declare const Out: { readonly [line: number]: unknown; ${members.join("")}}; `);
        needs.push(...newest);
      } else {
        const cell = newest[lastNames.indexOf(name)];
        texts.push(`declare const ${name}: ${cell ? typeOf(cell) : "undefined"}; `);
        if (cell) needs.push(cell);
      }
    }
    return { text: texts.join(""), needs };
  }
}

/** As the text of a cell says it that imports the other one by `cellImport`. */
function typeOf({ name }: { name: string }): string {
  return `Awaited<typeof $${name}.${exportName}>`;
}
