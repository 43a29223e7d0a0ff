/** `npx vitrine run NOTEBOOK`: executes a notebook with other parameters, and says where the result is. */
import { join, resolve } from "node:path";
import { executeNotebook, findNotebook, keepRendered } from "./execute.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { shown } from "./setup/paths.mjs";
import { setUp } from "./setup/setup.mjs";

const usage = "npx vitrine run NOTEBOOK [-p NAME=VALUE]... [--to FOLDER] [--keep]";

/** @param {string[]} argv @param {import("./setup/paths.mjs").Paths} paths */
export async function run(argv, paths) {
  const { notebook, parameters, to, keep } = readRunOptions(argv);
  const path = findNotebook(notebook, paths, "run");
  await setUp({ paths });
  const folder = to === undefined ? join(paths.notebooks, "rendered") : resolve(to);
  const { code, rendered } = await executeNotebook({
    notebook: path,
    parameters,
    folder,
    where: "run",
    log: false,
    paths,
  });
  if (code === 0 && keep) {
    keepRendered(rendered, path);
    console.log(`run: ${shown(paths.root, path)} now has these outputs (look at them, then commit it)`);
  }
  return code;
}

/** @param {string[]} argv */
export function readRunOptions(argv) {
  const wrong = (found) => new SetupFailure(`run: expected ${usage}, got ${found}`);
  const options = { notebook: undefined, parameters: [], to: undefined, keep: false };
  const rest = [...argv];
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "-p" || word === "--parameter") {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(rest.shift() ?? "") ?? [];
      if (name === undefined) throw wrong("-p without NAME=VALUE");
      options.parameters.push([name, value]);
    } else if (word === "--to") {
      options.to = rest.shift();
      if (options.to === undefined) throw wrong("--to without a folder");
    } else if (word === "--keep") options.keep = true;
    else if (word.startsWith("-") || options.notebook !== undefined) throw wrong(word);
    else options.notebook = word;
  }
  if (options.notebook === undefined) throw wrong("no notebook");
  // A notebook's own outputs are those of its own parameters.
  if (options.keep && options.parameters.length > 0) throw wrong("--keep with -p");
  return options;
}
