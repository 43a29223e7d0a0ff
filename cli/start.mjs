/** `npm start`: the set-up, then JupyterLab on the notebooks, or one notebook executed without a browser. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";
import { runInForeground } from "./foreground.mjs";
import { jupyterEnvironment, labArguments } from "./jupyter.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { shown } from "./setup/paths.mjs";
import { seconds } from "./setup/progress.mjs";
import { setUp } from "./setup/setup.mjs";

const usage =
  "npm start -- [--no-browser] [--port N] | --headless [NOTEBOOK] [--to FOLDER] [-p NAME VALUE]...";
const firstNotebook = "01-training";

/** @param {string[]} argv @param {import("./setup/paths.mjs").Paths} paths */
export async function run(argv, paths) {
  const options = readOptions(argv);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const notebook = join(paths.notebooks, `${options.notebook}.ipynb`);
  if (options.headless && !existsSync(notebook)) {
    throw new SetupFailure(
      `start: expected a notebook's name, got "${options.notebook}" (do: npm start -- --headless ${firstNotebook}; they are in notebooks/)`,
    );
  }
  if (options.port !== undefined) await expectFreePort(options.port);
  await setUp({ paths });
  if (options.headless) return execute(notebook, options, paths);
  const open = existsSync(notebook) ? `notebooks/${basename(notebook)}` : "notebooks";
  mkdirSync(paths.notebooks, { recursive: true });
  return openLab(paths, { port: options.port, browser: options.browser, open });
}

async function openLab(paths, options) {
  console.error("start: JupyterLab is starting (stop it with Ctrl-C)");
  const code = await runInForeground(paths.python, labArguments(paths, options), {
    cwd: paths.root,
    env: jupyterEnvironment(paths),
  });
  // Ctrl-C is how it is meant to end.
  return code === 130 ? 0 : code;
}

/** Executes a notebook into notebooks/rendered (or `to`), as .ipynb and .html; a failed one is kept under its own name. */
async function execute(notebook, { parameters, to }, paths) {
  const since = Date.now();
  const name = basename(notebook, ".ipynb");
  const folder = to === undefined ? join(paths.notebooks, "rendered") : resolve(to);
  const partial = join(folder, `${name}.partial.ipynb`);
  const rendered = join(folder, `${name}.ipynb`);
  const env = jupyterEnvironment(paths);
  mkdirSync(folder, { recursive: true });
  const python = (...args) => runInForeground(paths.python, ["-m", ...args], { cwd: paths.root, env });
  const given = parameters.flatMap(([key, value]) => ["-p", key, value]);
  const code = await python(
    "papermill",
    notebook,
    partial,
    "--kernel",
    "vitrine",
    "--cwd",
    paths.notebooks,
    "--log-output",
    ...given,
  );
  if (code !== 0) {
    const failed = join(folder, `${name}.failed.ipynb`);
    if (existsSync(partial)) renameSync(partial, failed);
    console.error(
      `start: expected ${shown(paths.root, notebook)} to run to its end, got exit code ${code} (look at ${shown(paths.root, failed)})`,
    );
    return code;
  }
  renameSync(partial, rendered);
  rmSync(join(folder, `${name}.failed.ipynb`), { force: true });
  const exported = await python("nbconvert", "--to", "html", "--log-level=ERROR", rendered);
  if (exported !== 0) return exported;
  const html = join(folder, `${name}.html`);
  console.log(
    `start: executed in ${seconds(Date.now() - since)}: ${shown(paths.root, rendered)} and ${shown(paths.root, html)}`,
  );
  return 0;
}

/** @param {string[]} argv */
export function readOptions(argv) {
  const options = {
    help: false,
    headless: false,
    browser: true,
    port: undefined,
    to: undefined,
    notebook: firstNotebook,
    parameters: [],
  };
  const rest = [...argv];
  const wrong = (found) => new SetupFailure(`start: expected ${usage}, got ${found}`);
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "--help" || word === "-h") options.help = true;
    else if (word === "--headless") options.headless = true;
    else if (word === "--no-browser") options.browser = false;
    else if (word === "--to") {
      if (rest.length === 0) throw wrong("--to without a folder");
      options.to = rest.shift();
    } else if (word === "--port" || word.startsWith("--port=")) {
      const text = word === "--port" ? (rest.shift() ?? "nothing") : word.slice(7);
      if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 65535) throw wrong(`--port ${text}`);
      options.port = Number(text);
    } else if (word === "-p" || word === "--parameter") {
      if (rest.length < 2) throw wrong("-p without a name and a value");
      options.parameters.push([rest.shift(), rest.shift()]);
    } else if (!word.startsWith("-")) options.notebook = basename(word, ".ipynb");
    else throw wrong(word);
  }
  if (options.parameters.length > 0 && !options.headless) throw wrong("-p without --headless");
  if (options.to !== undefined && !options.headless) throw wrong("--to without --headless");
  return options;
}

/** Throws one line when something listens on the port already. */
export function expectFreePort(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      const found = error.code === "EADDRINUSE" ? "it in use" : error.message;
      reject(
        new SetupFailure(
          `start: expected port ${port} to be free, found ${found} (do: npm start -- --port ${port < 65535 ? port + 1 : 8888})`,
        ),
      );
    });
    server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
  });
}
