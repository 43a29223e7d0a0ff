/** Turns TypeScript's diagnostics of a cell into problems in the person's own lines and columns. */
import ts from "typescript";
import type { Problem } from "./contract";

/** Errors that are none in a cell: it may await at its top level, and is CommonJS only under the hood. */
const allowedInCells = new Set([
  1309,
  1375,
  1378,
  1431,
  1432, // await and for await at the top level
  1479,
  1471,
  1541,
  1542, // importing an ES module from CommonJS
  7028, // unused label: `{ a: 1 }` typed as an expression
]);

/** An untyped `let x;` or `[]` is fine within its cell; it is only our export of it that TypeScript objects to. */
const fromExport = new Set([7005, 7034]);

export interface CellText {
  file: ts.SourceFile;
  /** Length of the compiler's own first line, with its line break. */
  prefixLength: number;
  /** Length of the person's text behind it. */
  bodyLength: number;
}

/** Keeps what concerns the person's text; a mistake outside it is the compiler's own business. */
export function problemsIn(
  diagnostics: readonly ts.Diagnostic[],
  kind: Problem["kind"],
  { file, prefixLength, bodyLength }: CellText,
): Problem[] {
  const problems: Problem[] = [];
  for (const { code, start, length = 1, messageText, category, file: where } of diagnostics) {
    if (category !== ts.DiagnosticCategory.Error || allowedInCells.has(code) || fromExport.has(code))
      continue;
    if (where !== file || start === undefined || comparesTwoLiterals(code, messageText)) continue;
    const outside = start < prefixLength || start > prefixLength + bodyLength;
    if (outside && kind === "type") continue;
    const inside = Math.min(Math.max(start, prefixLength), prefixLength + bodyLength);
    const position = file.getLineAndCharacterOfPosition(inside);
    const lineEnd = lineEndAfter(file.text, inside, prefixLength + bodyLength);
    problems.push({
      kind,
      code,
      message: reword(code, ts.flattenDiagnosticMessageText(messageText, "\n")),
      // Line 0 is the compiler's own.
      line: position.line,
      column: position.character + 1,
      length: Math.max(1, Math.min(length, lineEnd - inside)),
    });
  }
  return problems;
}

/** `architecture === "topk"` with a parameter `"standard"` of an earlier cell: the next run may well have the other value. */
function comparesTwoLiterals(code: number, message: string | ts.DiagnosticMessageChain): boolean {
  const text = ts.flattenDiagnosticMessageText(message, "\n");
  return (
    code === 2367 &&
    /'(?:"[^']*"' and '"|-?\d[^']*' and '-?\d|(?:true|false)' and '(?:true|false)')/.test(text)
  );
}

function lineEndAfter(text: string, start: number, limit: number): number {
  const at = text.indexOf("\n", start);
  return at === -1 ? limit : Math.min(at, limit);
}

/** Names of earlier cells are imports to TypeScript; the person never wrote one. */
function reword(code: number, message: string): string {
  if (code === 2632) return message.replace("it is an import", "it is a constant of an earlier cell");
  return message;
}
