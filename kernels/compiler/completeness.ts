/** Decides whether Enter should run the text or open a new line, from syntax alone. */
import ts from "typescript";
import type { Completeness } from "./contract";

/** `incomplete` when the parser ran out of text, `invalid` when it stumbled before the end. */
export function completenessOf(source: string): Completeness {
  const file = ts.createSourceFile("cell.ts", source, ts.ScriptTarget.Latest, false, ts.ScriptKind.TS);
  const parseDiagnostics = syntaxErrors(file);
  if (parseDiagnostics.length === 0) return { status: "complete" };
  const end = source.trimEnd().length;
  const ranOut = parseDiagnostics.every(({ start, length, code }) => {
    return start >= end || (start + length >= end && unterminated.has(code));
  });
  if (!ranOut) return { status: "invalid" };
  return { status: "incomplete", indent: indentAfter(source) };
}

/** Unterminated comment and template literal; a string in quotes never goes on in the next line. */
const unterminated = new Set([1010, 1160]);

function indentAfter(source: string): string {
  const line = source.trimEnd().split("\n").at(-1) ?? "";
  const indent = /^\s*/.exec(line)?.[0] ?? "";
  return /[{([]$|=>$/.test(line.trimEnd()) ? `${indent}  ` : indent;
}

/** Without syntax errors. */
export function isWhole(file: ts.SourceFile): boolean {
  return syntaxErrors(file).length === 0;
}

/** Not in the public type. */
function syntaxErrors(file: ts.SourceFile): readonly ts.DiagnosticWithLocation[] {
  return (file as unknown as { parseDiagnostics: readonly ts.DiagnosticWithLocation[] }).parseDiagnostics;
}
