/**
 * Modules as cells have to know them. What stands in the body of a function whose type is written down is nothing to a cell's
 * types, but would be two thirds of lib's syntax trees.
 */
import ts from "typescript";
import { isWhole } from "./completeness";

/**
 * `text` with spaces for such bodies: every character that is left stays where it was, and so do the lines. Constructors are left as they
 * are, since they may tell the types of fields, and so is a text with syntax errors.
 */
export function outline(fileName: string, text: string): string {
  const file = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest);
  if (!isWhole(file)) return text;
  const parts: string[] = [];
  let end = 0;
  const visit = (node: ts.Node): void => {
    const body = bodyToLeaveOut(node);
    if (!body) {
      ts.forEachChild(node, visit);
      return;
    }
    parts.push(text.slice(end, body.pos), blank(text.slice(body.pos, body.end)));
    end = body.end;
  };
  visit(file);
  return parts.join("") + text.slice(end);
}

/** What is between the braces. */
function bodyToLeaveOut(node: ts.Node): ts.TextRange | undefined {
  const isTyped = (ts.isFunctionLike(node) && node.type !== undefined) || ts.isSetAccessor(node);
  const { body } = node as ts.FunctionLikeDeclaration;
  return isTyped && body && ts.isBlock(body) ? body.statements : undefined;
}

function blank(text: string): string {
  return text.replace(/[^\r\n\u2028\u2029]/g, " ");
}
