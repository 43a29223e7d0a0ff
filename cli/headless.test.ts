/** `npm start -- --headless`: the training notebook, executed at reduced size, and its numbers. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(__dirname, "..");

interface Output {
  output_type: string;
  name?: string;
  text?: string[] | string;
  data?: Record<string, unknown>;
}

test("the training notebook runs without a browser: real figures, and an SAE better than chance", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-headless-"));
  try {
    const parameters = {
      viewsPerPicture: 1,
      steps: 300,
      warmUpSteps: 50,
      learningRate: 2e-3,
      expansionFactor: 4,
      modelPictures: 64,
    };
    const run = spawnSync(
      process.execPath,
      [
        ...["cli/vitrine.mjs", "start", "--headless", "--to", folder],
        ...Object.entries(parameters).flatMap(([name, value]) => ["-p", name, String(value)]),
      ],
      { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 },
    );
    assert.equal(run.status, 0, run.stdout + run.stderr);
    const notebook = JSON.parse(await readFile(join(folder, "01-training.ipynb"), "utf8"));
    const outputs: Output[] = notebook.cells.flatMap((cell: { outputs?: Output[] }) => cell.outputs ?? []);

    const printed = outputs
      .flatMap(({ name, text }) => (name === "stdout" ? [[text].flat().join("")] : []))
      .join("");
    const metrics = JSON.parse(/^\{"mse".*\}$/m.exec(printed)?.[0] ?? "null");
    assert.equal(metrics.features, 4 * 192);
    assert.ok(
      metrics.explainedVariance > 0.5 && metrics.explainedVariance < 1,
      `EV ${metrics.explainedVariance}`,
    );
    assert.ok(metrics.explainedVarianceFry > metrics.explainedVariance, "variance about zero flatters");
    assert.ok(metrics.l0 > 1 && metrics.l0 < 0.5 * metrics.features, `L0 ${metrics.l0}`);
    assert.ok(metrics.deadFeatures < 0.5 * metrics.features, `${metrics.deadFeatures} dead`);

    const figures = outputs.filter(({ data }) => data?.["application/vnd.plotly.v1+json"]);
    assert.equal(figures.length, 2, "the training curves and the sparsity histogram");
    for (const { data } of figures) {
      const figure = data?.["application/vnd.plotly.v1+json"] as { data: { y: unknown }[] };
      assert.ok(figure.data.length > 0 && figure.data.every(({ y }) => y !== undefined));
      const picture = Object.entries(data ?? {}).find(([mime]) => mime.startsWith("image/"));
      assert.ok(picture && String(picture[1]).length > 5000, "a picture for places without scripts");
    }
    const grids = outputs.filter(
      ({ data }) => data?.["image/png"] && !data?.["application/vnd.plotly.v1+json"],
    );
    assert.equal(grids.length, 2, "the sample of pictures and the top pictures of features");
    assert.ok((await readFile(join(folder, "01-training.html"), "utf8")).length > 100_000);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
