/** Turns TypeScript's diagnostics of a cell into problems in the person's own lines and columns. */
import ts from "typescript";
import type { Problem } from "./contract";
import type { Insertion } from "./past-results";

/** Errors that are none in a cell: it may await at its top level, and is CommonJS only under the hood. */
const allowedInCells = new Set([
  1309,
  1375,
  1378,
  1431,
  1432, // await and for await at the top level
  1202, // import x = require("x"): the output is CommonJS
  7016, // a package without types: everything in it is `any`
  1479,
  1471,
  1541,
  1542, // importing an ES module from CommonJS
  7016, // a package without types is `any`
  7028, // unused label: `{ a: 1 }` typed as an expression
]);

/** An untyped `let x;` or `[]` is fine within its cell; it is only our export of it that TypeScript objects to. */
const fromExport = new Set([7005, 7034]);

export interface CellText {
  file: ts.SourceFile;
  /** Length of the compiler's own first line, with its line break. */
  prefixLength: number;
  /** The person's text, which stands behind it. */
  body: string;
  /** What the compiler put into it. */
  insertions: readonly Insertion[];
}

/** Keeps what concerns the person's text; a mistake outside it is the compiler's own business. */
export function problemsIn(
  diagnostics: readonly ts.Diagnostic[],
  kind: Problem["kind"],
  { file, prefixLength, body, insertions }: CellText,
): Problem[] {
  const problems: Problem[] = [];
  const bodyLength = insertions.reduce((sum, { text }) => sum + text.length, body.length);
  for (const { code, start, length = 1, messageText, category, file: where } of diagnostics) {
    if (category !== ts.DiagnosticCategory.Error || allowedInCells.has(code) || fromExport.has(code))
      continue;
    if (where !== file || start === undefined || comparesTwoLiterals(code, messageText)) continue;
    const outside = start < prefixLength || start > prefixLength + bodyLength;
    if (outside && kind === "type") continue;
    const inside = Math.min(Math.max(start - prefixLength, 0), bodyLength);
    if (kind === "type" && isInserted(inside, insertions)) continue;
    const offset = withoutInsertions(inside, insertions);
    const end = withoutInsertions(Math.min(inside + length, bodyLength), insertions);
    const before = body.slice(0, offset);
    const lineEnd = body.indexOf("\n", offset);
    problems.push({
      kind,
      code,
      message: reword(code, ts.flattenDiagnosticMessageText(messageText, "\n")),
      line: before.split("\n").length,
      column: offset - before.lastIndexOf("\n"),
      length: Math.max(1, Math.min(end, lineEnd === -1 ? body.length : lineEnd) - offset),
    });
  }
  return problems;
}

/** Whether an offset in the checked text is in what the compiler put there. */
function isInserted(offset: number, insertions: readonly Insertion[]): boolean {
  let inserted = 0;
  return insertions.some(({ at, text }) => {
    const start = at + inserted;
    inserted += text.length;
    return offset >= start && offset < start + text.length;
  });
}

/** An offset in the checked text -> the same place in the person's. */
function withoutInsertions(offset: number, insertions: readonly Insertion[]): number {
  let inserted = 0;
  for (const { at, text } of insertions) {
    if (offset <= at + inserted) break;
    inserted += Math.min(text.length, offset - at - inserted);
  }
  return offset - inserted;
}

/** `architecture === "topk"` with a parameter `"standard"` of an earlier cell: the next run may well have the other value. */
function comparesTwoLiterals(code: number, message: string | ts.DiagnosticMessageChain): boolean {
  const text = ts.flattenDiagnosticMessageText(message, "\n");
  return (
    code === 2367 &&
    /'(?:"[^']*"' and '"|-?\d[^']*' and '-?\d|(?:true|false)' and '(?:true|false)')/.test(text)
  );
}

/** Names of earlier cells are imports to TypeScript; the person never wrote one. */
function reword(code: number, message: string): string {
  if (code === 2632) return message.replace("it is an import", "it is a constant of an earlier cell");
  return message;
}
