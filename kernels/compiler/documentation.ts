/**
 * Documentation comments. TypeScript makes syntax trees of them too, which nothing but an inspection reads: the files of packages and lib are
 * parsed without, and one gets them when a name of it is inspected.
 */
import ts from "typescript";

interface Documented extends ts.Node {
  jsDoc?: ts.JSDoc[];
  /** Of a file: its nodes have their comments. */
  isDocumented?: boolean;
}

/** Options to parse a file with; JavaScript keeps its comments, in which types may stand. */
export function withoutDocumentation(
  fileName: string,
  options: ts.CreateSourceFileOptions | ts.ScriptTarget,
): ts.CreateSourceFileOptions {
  const all = typeof options === "object" ? options : { languageVersion: options };
  return isTypeScript.test(fileName) ? { ...all, jsDocParsingMode: ts.JSDocParsingMode.ParseNone } : all;
}

const isTypeScript = /\.[cm]?tsx?$/;

/** Gives the nodes of such a file their comments. */
export function addDocumentation(file: ts.SourceFile & Documented): void {
  if (file.isDocumented) return;
  file.isDocumented = true;
  const { fileName, text, languageVersion } = file;
  copyComments(ts.createSourceFile(fileName, text, languageVersion, true), file);
}

/** Of two trees of the same text. */
function copyComments(from: Documented, to: Documented): void {
  if (from.jsDoc && !to.jsDoc) {
    to.jsDoc = from.jsDoc;
    for (const comment of from.jsDoc) Object.assign(comment, { parent: to });
  }
  const children: ts.Node[] = [];
  ts.forEachChild(to, (child) => void children.push(child));
  let i = 0;
  ts.forEachChild(from, (child) => {
    copyComments(child, children[i]);
    i += 1;
  });
}
