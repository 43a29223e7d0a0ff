/** Completion inside of strings: modules where something is imported, files elsewhere. */
import ts from "typescript";
import type { Completion } from "./contract";
import { matchModules, matchPaths, type PathMatches } from "./paths";

/** Undefined unless the cursor is in the name of a module. */
export function completeModule(
  file: ts.SourceFile,
  offset: number,
  bases: readonly string[],
): Completion | undefined {
  const literal = stringAt(file, offset);
  if (!literal || !namesModule(literal)) return undefined;
  return toCompletion(matchModules(typedIn(literal, file, offset), bases), offset);
}

/** Undefined unless the cursor is in a string. */
export function completePathIn(file: ts.SourceFile, offset: number, folder: string): Completion | undefined {
  const literal = stringAt(file, offset);
  if (!literal) return undefined;
  return toCompletion(matchPaths(typedIn(literal, file, offset), folder), offset);
}

function toCompletion({ replaced, matches }: PathMatches, offset: number): Completion {
  return { start: offset - replaced, end: offset, matches };
}

/** The string in which the cursor stands, also one that is not closed yet. */
function stringAt(file: ts.SourceFile, offset: number): ts.StringLiteralLike | undefined {
  const find = (node: ts.Node): ts.StringLiteralLike | undefined => {
    if (offset < node.pos || offset > node.end) return undefined;
    if (ts.isStringLiteralLike(node)) {
      const isClosed =
        node.end - node.getStart(file) > 1 && file.text[node.end - 1] === file.text[node.getStart(file)];
      return offset > node.getStart(file) && (offset < node.end || !isClosed) ? node : undefined;
    }
    return ts.forEachChild(node, find);
  };
  return find(file);
}

/** Its text up to the cursor, as it is written: a backslash in a path is nobody's concern here. */
function typedIn(literal: ts.StringLiteralLike, file: ts.SourceFile, offset: number): string {
  return file.text.slice(literal.getStart(file) + 1, offset);
}

function namesModule({ parent }: ts.StringLiteralLike): boolean {
  if (ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)) return true;
  if (ts.isExternalModuleReference(parent) || ts.isImportTypeNode(parent)) return true;
  if (ts.isLiteralTypeNode(parent)) return ts.isImportTypeNode(parent.parent);
  if (!ts.isCallExpression(parent)) return false;
  const { expression } = parent;
  const called = ts.isPropertyAccessExpression(expression) ? expression.expression : expression;
  return (
    called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && called.text === "require")
  );
}
