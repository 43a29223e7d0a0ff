/** `npx vitrine run NOTEBOOK`: executes a notebook with other parameters, and says where the result is. */
import { join, resolve } from "node:path";
import { executeNotebook, findNotebook } from "./execute.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { setUp } from "./setup/setup.mjs";

const usage = "npx vitrine run NOTEBOOK [-p NAME=VALUE]... [--to FOLDER]";

/** @param {string[]} argv @param {import("./setup/paths.mjs").Paths} paths */
export async function run(argv, paths) {
  const { notebook, parameters, to } = readRunOptions(argv);
  const path = findNotebook(notebook, paths, "run");
  await setUp({ paths });
  const folder = to === undefined ? join(paths.notebooks, "rendered") : resolve(to);
  const { code } = await executeNotebook({
    notebook: path,
    parameters,
    folder,
    where: "run",
    log: false,
    paths,
  });
  return code;
}

/** @param {string[]} argv */
export function readRunOptions(argv) {
  const wrong = (found) => new SetupFailure(`run: expected ${usage}, got ${found}`);
  const options = { notebook: undefined, parameters: [], to: undefined };
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
    } else if (word.startsWith("-") || options.notebook !== undefined) throw wrong(word);
    else options.notebook = word;
  }
  if (options.notebook === undefined) throw wrong("no notebook");
  return options;
}
