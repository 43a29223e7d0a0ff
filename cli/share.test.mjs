import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readRunOptions } from "./run-notebook.mjs";
import { pathsUnder } from "./setup/paths.mjs";
import { withLiveFigures } from "./share.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const PLOTLY = "application/vnd.plotly.v1+json";
const hostile = "</script><img src=x onerror=alert(1)>";

const figureOutput = () => ({
  output_type: "display_data",
  metadata: {},
  data: {
    [PLOTLY]: {
      data: [{ type: "bar", x: [1, 2], y: [3, 4], name: hostile }],
      layout: { title: { text: "Two" } },
    },
    "image/png":
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "text/plain": "Two",
  },
});

const notebookWith = (outputs, execution_count) => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {
    papermill: { input_path: "/somewhere/secret.ipynb" },
    kernelspec: { name: "vitrine", display_name: "T" },
  },
  cells: [
    { id: "a", cell_type: "markdown", metadata: {}, source: "# A title" },
    { id: "b", cell_type: "code", metadata: {}, source: "show(figure)", execution_count, outputs },
  ],
});

function share(notebook, name = "note") {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-share-"));
  const source = join(folder, `${name}.ipynb`);
  writeFileSync(source, JSON.stringify(notebook));
  const to = join(folder, "out");
  const run = spawnSync(process.execPath, ["cli/vitrine.mjs", "share", source, "--to", to], {
    cwd: root,
    encoding: "utf8",
  });
  return { folder, to, run };
}

test("a shared notebook is one page without a foreign script, its figures alive, and a copy that keeps their pictures", () => {
  const { folder, to, run } = share(notebookWith([figureOutput()], 1));
  try {
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(readdirSync(to).sort(), ["note.html", "note.ipynb"]);
    const page = readFileSync(join(to, "note.html"), "utf8");
    assert.ok(page.length < 15e6, `${page.length}`);
    assert.match(page, /Plotly\.newPlot\("figure-1"/);
    assert.doesNotMatch(page, /<(script|link|img|iframe)[^>]*(src|href)=["']?(https?:)?\/\//);
    assert.ok(!page.includes(hostile) && page.includes("\\u003c/script>"));
    const copy = JSON.parse(readFileSync(join(to, "note.ipynb"), "utf8"));
    assert.ok(copy.cells[1].outputs[0].data["image/png"] && copy.cells[1].outputs[0].data[PLOTLY]);
    assert.ok(!JSON.stringify(copy).includes("secret"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("where no script runs and nothing knows Plotly, as on GitHub, each figure of a committed notebook is a picture", () => {
  const { python } = pathsUnder(root);
  const source = join(root, "notebooks", "03-label-entropy.ipynb");
  const words = [
    "-m",
    "nbconvert",
    "--to",
    "html",
    "--template",
    "basic",
    "--log-level=ERROR",
    "--stdout",
    source,
  ];
  const run = spawnSync(python, words, { encoding: "utf8", maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, run.stderr);
  assert.doesNotMatch(run.stdout, /<script/);
  const outputs = JSON.parse(readFileSync(source, "utf8")).cells.flatMap(({ outputs = [] }) => outputs);
  const isPicture = ({ data = {} }) => Object.keys(data).some((mime) => mime.startsWith("image/"));
  assert.equal(outputs.filter(({ data }) => data?.[PLOTLY]).length, 3);
  assert.equal(run.stdout.match(/<img[^>]*src="data:image\//g).length, outputs.filter(isPicture).length);
  assert.ok(outputs.every((output) => !output.data?.[PLOTLY] || isPicture(output)));
});

test("a notebook that has not run, or not to its end, is refused with what to do", () => {
  for (const [notebook, got] of [
    [notebookWith([], null), /got 1 cells that have not run \(do: npx vitrine run note\)/],
    [notebookWith([{ output_type: "error", ename: "E", evalue: "", traceback: [] }], 1), /ended in an error/],
  ]) {
    const { folder, run } = share(notebook);
    rmSync(folder, { recursive: true, force: true });
    assert.equal(run.status, 1);
    assert.match(run.stderr, got);
  }
});

test("each figure gets a place of its own, and other outputs stay", () => {
  const text = { output_type: "stream", name: "stdout", text: "hello" };
  const live = withLiveFigures(notebookWith([figureOutput(), text, figureOutput()], 1));
  const { outputs } = live.cells[1];
  assert.equal(outputs[1], text);
  assert.match(outputs[0].data["text/html"], /id="figure-1"/);
  assert.match(outputs[2].data["text/html"], /id="figure-2"/);
});

test("run takes NAME=VALUE, values with signs and spaces too, and refuses what it cannot read", () => {
  assert.deepEqual(readRunOptions(["03", "-p", "a=b=c d", "-p", "empty=", "--to", "x"]), {
    notebook: "03",
    parameters: [
      ["a", "b=c d"],
      ["empty", ""],
    ],
    to: "x",
    keep: false,
  });
  assert.equal(readRunOptions(["03", "--keep"]).keep, true);
  for (const argv of [
    [],
    ["03", "-p"],
    ["03", "-p", "a"],
    ["03", "04"],
    ["03", "--quick"],
    ["03", "--to"],
    ["03", "--keep", "-p", "a=1"],
  ]) {
    assert.throws(() => readRunOptions(argv), /run: expected npx vitrine run NOTEBOOK/, argv.join(" "));
  }
});

test("run refuses a parameter that the notebook does not have, with those it has", () => {
  const run = spawnSync(
    process.execPath,
    ["cli/vitrine.mjs", "run", "03-label-entropy", "-p", "expansions=16"],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  assert.equal(run.status, 1);
  assert.match(
    run.stderr,
    /run: expected a parameter of 03-label-entropy\.ipynb \(model, .*expansion.*\), got expansions/,
  );
});
