/** Shows the compiler's problems as Jupyter's error output: each with its line and a caret under the place. */
import type { Problem } from "../compiler";
import type { ErrorOutput } from "../executor";

const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
const bold = (text: string) => `\u001b[1m${text}\u001b[22m`;

/** More than these are counted, not shown. */
const maxShown = 10;

export function reportProblems(problems: readonly Problem[], source: string, label: string): ErrorOutput {
  const [first] = problems;
  const ename = first.kind === "syntax" ? "SyntaxError" : "TypeScriptError";
  const lines = source.split("\n");
  const traceback: string[] = [];
  for (const { code, message, line, column, length } of problems.slice(0, maxShown)) {
    traceback.push(`${red(bold(ename))} TS${code}: ${message}`);
    traceback.push(`Cell ${label}:${line}:${column}`);
    traceback.push(`${String(line).padStart(6)} │ ${lines[line - 1] ?? ""}`);
    traceback.push(`       │ ${" ".repeat(Math.max(0, column - 1))}${red("^".repeat(length))}`);
    const isFirst = lines.slice(0, line - 1).every((before) => before.trim() === "");
    const hint = isFirst ? undefined : hintFor(lines[line - 1] ?? "");
    if (hint && !traceback.includes(hint)) traceback.push(hint);
  }
  if (problems.length > maxShown) traceback.push(`… and ${problems.length - maxShown} more`);
  return { ename, evalue: `TS${first.code}: ${first.message} (line ${first.line})`, traceback };
}

/** For what would be right on the first line. */
function hintFor(line: string): string | undefined {
  if (/^\s*%{1,2}[a-z]/.test(line)) return "A magic stands on the first line of a cell.";
  const command = /^\s*!([a-z]+ .*)$/.exec(line)?.[1];
  return (
    command && `A command stands on the first line of a cell; elsewhere: await sh(${JSON.stringify(command)})`
  );
}
