/** Executes a notebook in a clean kernel with papermill, into a copy that is there whole or not at all. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { runInForeground } from "./foreground.mjs";
import { jupyterEnvironment } from "./jupyter.mjs";
import { forgetMachine, stamp } from "./rendered-copy.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { shown } from "./setup/paths.mjs";
import { seconds } from "./setup/progress.mjs";

/** The notebook of that name or path. Throws one line when there is none. */
export function findNotebook(word, paths, where) {
  const inFolder = join(paths.notebooks, `${basename(word, ".ipynb")}.ipynb`);
  const found = [word, inFolder].find((path) => path.endsWith(".ipynb") && existsSync(path));
  if (found) return found;
  throw new SetupFailure(
    `${where}: expected a notebook's name or path, got "${word}" (do: ls notebooks, then npx vitrine run 01-training)`,
  );
}

/**
 * Executes `notebook` into `folder` as NAME.ipynb, its parameters replaced by `parameters` (pairs). A failed run's notebook is kept as
 * NAME.failed.ipynb. `log`: a line for each cell and what it prints, in place of a progress bar.
 * @param {{ notebook: string, parameters: string[][], folder: string, where: string, log: boolean, paths: import("./setup/paths.mjs").Paths }} options
 * @returns {Promise<{ code: number, rendered: string }>}
 */
export async function executeNotebook({ notebook, parameters, folder, where, log, paths }) {
  const since = Date.now();
  const name = basename(notebook, ".ipynb");
  expectParameters(notebook, parameters, where);
  const partial = join(folder, `${name}.partial.ipynb`);
  const failed = join(folder, `${name}.failed.ipynb`);
  const rendered = join(folder, `${name}.ipynb`);
  mkdirSync(folder, { recursive: true });
  const words = [
    ...["-m", "papermill", notebook, partial, "--kernel", "vitrine", "--cwd", paths.notebooks],
    log ? "--log-output" : "--progress-bar",
    ...parameters.flatMap(([key, value]) => ["-p", key, value]),
  ];
  // So that cells know that nobody looks at the kernel (explorer/notebook.ts).
  const code = await runPython(paths, words, { VITRINE_EXECUTES: "1" });
  if (code !== 0) {
    if (existsSync(partial)) renameSync(partial, failed);
    console.error(
      `${where}: expected ${shown(paths.root, notebook)} to run to its end, got exit code ${code} (look at ${shown(paths.root, failed)})`,
    );
    return { code, rendered };
  }
  finish(partial, paths);
  renameSync(partial, rendered);
  rmSync(failed, { force: true });
  console.log(`${where}: executed in ${seconds(Date.now() - since)}: ${shown(paths.root, rendered)}`);
  return { code, rendered };
}

/** Throws when a parameter is not one of the notebook's: papermill would declare it and the cells would never look at it. */
function expectParameters(notebook, parameters, where) {
  const { cells } = JSON.parse(readFileSync(notebook, "utf8"));
  const cell = cells.find(({ metadata }) => metadata.tags?.includes("parameters"));
  const source = [cell?.source ?? ""].flat().join("");
  const known = [...source.matchAll(/^\s*(?:export\s+)?(?:const|let|var)\s+([\w$]+)/gm)].map(
    ([, name]) => name,
  );
  const stranger = parameters.find(([name]) => !known.includes(name));
  if (!stranger) return;
  const parts =
    known.length > 0
      ? `a parameter of ${basename(notebook)} (${known.join(", ")})`
      : `no parameter, as ${basename(notebook)} has no parameters cell`;
  throw new SetupFailure(`${where}: expected ${parts}, got ${stranger[0]}`);
}

/** @param {import("./setup/paths.mjs").Paths} paths */
export function runPython(paths, args, variables = {}) {
  const env = { ...jupyterEnvironment(paths), ...variables };
  return runInForeground(paths.python, args, { cwd: paths.root, env });
}

/** Puts a rendered copy in its notebook's place: what is committed. */
export function keepRendered(rendered, notebook) {
  const copy = JSON.parse(readFileSync(rendered, "utf8"));
  forgetMachine(copy);
  writeFileSync(`${notebook}.tmp`, `${JSON.stringify(copy, null, 1)}\n`);
  renameSync(`${notebook}.tmp`, notebook);
}

/** Notes what was executed, and takes out what papermill notes of the machine: where the notebook lay. */
function finish(file, paths) {
  const notebook = JSON.parse(readFileSync(file, "utf8"));
  if (notebook.metadata.papermill) {
    delete notebook.metadata.papermill.input_path;
    delete notebook.metadata.papermill.output_path;
  }
  const { version } = JSON.parse(readFileSync(join(paths.root, "package.json"), "utf8"));
  stamp(notebook, version);
  writeFileSync(file, `${JSON.stringify(notebook, null, 1)}\n`);
}
