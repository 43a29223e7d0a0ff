/** `npm start`: the set-up, then JupyterLab on the notebooks, or one notebook executed without a browser. */
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";
import { executeNotebook, findNotebook, runPython } from "./execute.mjs";
import { runInForeground } from "./foreground.mjs";
import { jupyterEnvironment, labArguments } from "./jupyter.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { shown } from "./setup/paths.mjs";
import { setUp } from "./setup/setup.mjs";

/** What a page prefers to show: nbconvert's own order without widgets, which it would draw with scripts of another host. */
const stills = [
  "application/javascript",
  ...["text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg", "text/plain"],
].map((type) => `--NbConvertBase.display_data_priority=${type}`);
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
  if (options.port !== undefined) await expectFreePort(options.port);
  const notebook = findNotebook(options.notebook, paths, "start");
  await setUp({ paths });
  if (options.headless) return execute(notebook, options, paths);
  return openLab(paths, {
    port: options.port,
    browser: options.browser,
    open: `notebooks/${basename(notebook)}`,
  });
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

/** Executes a notebook into notebooks/rendered (or `to`), as .ipynb and .html. */
async function execute(notebook, { parameters, to }, paths) {
  const folder = to === undefined ? join(paths.notebooks, "rendered") : resolve(to);
  const where = "start";
  const { code, rendered } = await executeNotebook({ notebook, parameters, folder, where, log: true, paths });
  if (code !== 0) return code;
  const exported = await runPython(paths, [
    "-m",
    "nbconvert",
    "--to",
    "html",
    "--log-level=ERROR",
    ...stills,
    rendered,
  ]);
  if (exported === 0) console.log(`start: ${shown(paths.root, rendered.replace(/ipynb$/, "html"))}`);
  return exported;
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
