/** What makes a committed notebook's outputs believable: whole, in order, of this code and this version, without a trace of a machine. */
import { createHash } from "node:crypto";

const textOf = (lines) => [lines ?? ""].flat().join("");
const codeOf = (notebook) => notebook.cells.filter(({ cell_type }) => cell_type === "code");

/** Short hash of all code cells' sources: prose may change without a new execution. */
export function sourceHash(notebook) {
  const sources = codeOf(notebook).map(({ source }) => textOf(source));
  return createHash("sha256").update(JSON.stringify(sources)).digest("hex").slice(0, 16);
}

/** Notes what was executed. `version` is the project's: the outputs do not go stale with every edit of lib, but with the next version. */
export function stamp(notebook, version) {
  notebook.metadata.vitrine = { source: sourceHash(notebook), version };
}

/** Takes out what an execution notes of itself and of where it happened. */
export function forgetMachine(notebook) {
  delete notebook.metadata.papermill;
  for (const cell of notebook.cells) {
    delete cell.metadata.papermill;
    delete cell.metadata.execution;
  }
}

/** A folder that a machine has and this repository does not, in text that is not a picture's. */
const absolute = /(?<![\w./:-])(?:\/(?:home|root|Users|tmp|work|mnt|var|opt|private)\/|[A-Z]:\\\\?)[\w.-]+/;

/** What is wrong with a rendered copy, a line each; nothing for a true one. */
export function untruths(notebook, version) {
  const found = [];
  const code = codeOf(notebook).filter(({ source }) => textOf(source).trim().length > 0);
  code.forEach(({ execution_count: count, outputs }, i) => {
    if (count !== i + 1)
      found.push(`code cell ${i + 1} was executed as number ${count ?? "none"}, not ${i + 1}`);
    for (const { output_type, ename, evalue } of outputs) {
      if (output_type === "error") found.push(`code cell ${i + 1} ended in ${ename}: ${evalue}`);
    }
  });
  const path = absolute.exec(wordsOf(notebook));
  if (path) found.push(`it names a path of a machine: ${path[0]}`);
  if (notebook.metadata.papermill || notebook.cells.some(({ metadata }) => metadata.papermill)) {
    found.push("it has papermill's metadata of one execution");
  }
  const { source, version: executed } = notebook.metadata.vitrine ?? {};
  if (source !== sourceHash(notebook)) {
    found.push(
      source ? "its code was changed after it was executed" : "nothing says which code was executed",
    );
  }
  if (source && executed !== version)
    found.push(`it was executed with version ${executed}, the project is at ${version}`);
  return found;
}

/** All text of a notebook, pictures left out. */
function wordsOf(value, mime = "") {
  if (/^(image|audio|video)\//.test(mime)) return "";
  if (typeof value === "string")
    return `${value.replace(/base64,[A-Za-z0-9+/=]+/g, "").replace(/^[A-Za-z0-9+/=\s]{200,}$/, "")}\n`;
  if (typeof value !== "object" || value === null) return "";
  return Object.entries(value)
    .map(([key, inner]) => (key === "bdata" ? "" : wordsOf(inner, key)))
    .join("");
}
