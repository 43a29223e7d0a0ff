/** `npx vitrine share NOTEBOOK`: one HTML file that works offline with interactive figures, and a notebook whose figures show on GitHub; with --features, features of an explorer page. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { findNotebook, runPython } from "./execute.mjs";
import { runInForeground } from "./foreground.mjs";
import { forgetMachine } from "./rendered-copy.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { shown } from "./setup/paths.mjs";
import { setUp } from "./setup/setup.mjs";
import { typescriptArguments } from "./typescript.mjs";

const usage = "npx vitrine share NOTEBOOK [--to FOLDER], or npx vitrine share PAGE --features 1,2,3";
const PLOTLY = "application/vnd.plotly.v1+json";

/** @param {string[]} argv @param {import("./setup/paths.mjs").Paths} paths */
export async function run(argv, paths) {
  if (argv.includes("--features")) {
    await setUp({ paths });
    return runInForeground(process.execPath, typescriptArguments(paths, "share-features", argv));
  }
  const at = argv.indexOf("--to");
  const to = at >= 0 ? argv.splice(at, 2)[1] : join(paths.notebooks, "shared");
  if (argv.length !== 1 || argv[0].startsWith("-") || to === undefined) {
    throw new SetupFailure(`share: expected ${usage}, got ${argv.join(" ") || "no notebook"}`);
  }
  const rendered = join(paths.notebooks, "rendered", `${basename(argv[0], ".ipynb")}.ipynb`);
  const source =
    existsSync(rendered) && !argv[0].endsWith(".ipynb") ? rendered : findNotebook(argv[0], paths, "share");
  const notebook = JSON.parse(readFileSync(source, "utf8"));
  expectExecuted(notebook, source, paths);
  await setUp({ paths });
  forgetMachine(notebook);

  const folder = resolve(to);
  const name = basename(source, ".ipynb");
  mkdirSync(folder, { recursive: true });
  const html = join(folder, `${name}.html`);
  const staged = join(folder, `${name}.partial.ipynb`);
  const stagedHtml = join(folder, `${name}.partial.html`);
  try {
    writeFileSync(staged, JSON.stringify(withLiveFigures(notebook)));
    // Without these three the page would fetch scripts from elsewhere.
    const offline = ["require_js_url", "mathjax_url", "jquery_url"].map((url) => `--HTMLExporter.${url}=`);
    const arguments_ = ["-m", "nbconvert", "--to", "html", "--log-level=ERROR", ...offline, staged];
    const code = await runPython(paths, arguments_);
    if (code !== 0) return code;
    // Now, because it needs packages that the set-up brings.
    const { plotlyScript } = createRequire(import.meta.url)("../lib/notebook/plotly-script.cjs");
    const page = readFileSync(stagedHtml, "utf8").replace(
      "<head>",
      () => `<head><script>${plotlyScript()}</script>`,
    );
    writeFileSync(stagedHtml, page);
    renameSync(stagedHtml, html);
  } finally {
    rmSync(staged, { force: true });
    rmSync(stagedHtml, { force: true });
  }
  const copy = join(folder, `${name}.ipynb`);
  writeFileSync(`${copy}.partial`, `${JSON.stringify(notebook, null, 1)}\n`);
  renameSync(`${copy}.partial`, copy);
  for (const file of [html, copy]) {
    console.log(`share: ${shown(paths.root, file)} (${(statSync(file).size / 1e6).toFixed(1)} MB)`);
  }
  return 0;
}

function expectExecuted(notebook, source, paths) {
  const code = notebook.cells.filter(
    ({ cell_type, source: text }) => cell_type === "code" && text.length > 0,
  );
  const failed = code.some(({ outputs }) => outputs.some(({ output_type }) => output_type === "error"));
  const missing = code.filter(({ execution_count }) => execution_count === null).length;
  if (missing === 0 && !failed) return;
  const got = failed ? "one that ended in an error" : `${missing} cells that have not run`;
  const name = basename(source, ".ipynb");
  throw new SetupFailure(
    `share: expected an executed notebook in ${shown(paths.root, source)}, got ${got} (do: npx vitrine run ${name})`,
  );
}

/** The notebook with each Plotly figure as a script that draws it. */
export function withLiveFigures(notebook) {
  let figures = 0;
  const live = (output) => {
    const figure = output.data?.[PLOTLY];
    if (!figure) return output;
    figures += 1;
    // JSON inside of a script: nothing in it may end the script.
    const [data, layout, config] = [figure.data, figure.layout, { ...figure.config, responsive: true }].map(
      (part) => JSON.stringify(part ?? {}).replaceAll("<", "\\u003c"),
    );
    const id = `figure-${figures}`;
    const html = `<div id="${id}"></div><script>Plotly.newPlot("${id}", ${data}, ${layout}, ${config});</script>`;
    return { ...output, data: { "text/html": html }, metadata: {} };
  };
  const cells = notebook.cells.map((cell) =>
    cell.outputs ? { ...cell, outputs: cell.outputs.map(live) } : cell,
  );
  // A page draws widgets with scripts of another host; without their state it shows the still that each has beside it.
  const { widgets: _widgets, ...metadata } = notebook.metadata ?? {};
  return { ...notebook, metadata, cells };
}
