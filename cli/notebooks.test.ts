/** Every notebook, executed at reduced size, one after another, and its numbers. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import type { PlotlyFigure } from "../lib/plot";
import { assertAxesNamed } from "../lib/plot/snapshot";
import { writeOtherWorld } from "./other-world";

const ROOT = resolve(__dirname, "..");
const PLOTLY = "application/vnd.plotly.v1+json";
const folder = mkdtempSync(join(tmpdir(), "vitrine-experiments-"));
const elsewhere = mkdtempSync(join(tmpdir(), "vitrine-world-"));
after(() => {
  for (const made of [folder, elsewhere]) rmSync(made, { recursive: true, force: true });
});

/** One view a picture and few steps: the first notebook computes what the others find in the cache. */
const SMALL = { viewsPerPicture: 1, steps: 150, expansion: 4 };
const L1 = { l1Coefficient: 5e-4 };

interface Output {
  output_type: string;
  name?: string;
  text?: string[] | string;
  data?: Record<string, unknown>;
}

/** Runs the command line in this clone. */
function vitrine(...args: string[]): void {
  const run = spawnSync(process.execPath, ["cli/vitrine.mjs", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
}

/** Executes a notebook; the numbers that it prints as a line of JSON, its figures, and how many pictures it shows. */
function execute(name: string, parameters: Record<string, number | string> = L1) {
  const all = Object.entries({ ...SMALL, ...parameters });
  vitrine("run", name, "--to", folder, ...all.flatMap(([key, value]) => ["-p", `${key}=${value}`]));
  return read(name);
}

function read(name: string) {
  const text = readFileSync(join(folder, `${name}.ipynb`), "utf8");
  assert.ok(!text.includes(ROOT) && !text.includes(folder), "no path of this machine");
  const outputs: Output[] = JSON.parse(text).cells.flatMap(
    (cell: { outputs?: Output[] }) => cell.outputs ?? [],
  );
  assert.ok(outputs.every(({ output_type }) => output_type !== "error"));
  const printed = outputs.flatMap((output) =>
    output.name === "stdout" ? [[output.text].flat().join("")] : [],
  );
  const figures = outputs.flatMap(({ data }) => (data?.[PLOTLY] ? [data[PLOTLY] as PlotlyFigure] : []));
  figures.forEach(assertAxesNamed);
  const isPicture = (data: object) => Object.keys(data).some((mime) => mime.startsWith("image/"));
  const pictures = outputs.filter(({ data }) => data && isPicture(data) && !data[PLOTLY]).length;
  const numbers = JSON.parse(/^\{.*\}$/m.exec(printed.join(""))?.[0] ?? "null") as Record<string, number>;
  return { numbers, figures, pictures, outputs, printed: printed.join("") };
}

test("01 runs by npm start -- --headless: real figures with pictures, an SAE better than chance, and a page", () => {
  const parameters = {
    viewsPerPicture: 1,
    steps: 300,
    warmUpSteps: 50,
    learningRate: 2e-3,
    expansion: 4,
    modelPictures: 64,
  };
  const given = Object.entries(parameters).flatMap(([key, value]) => ["-p", key, String(value)]);
  vitrine("start", "--headless", "--to", folder, ...given);
  const { numbers, figures, pictures, outputs } = read("01-training");
  assert.equal(numbers.features, 4 * 192);
  assert.ok(
    numbers.explainedVariance > 0.5 && numbers.explainedVariance < 1,
    `EV ${numbers.explainedVariance}`,
  );
  assert.ok(numbers.explainedVarianceFry > numbers.explainedVariance, "variance about zero flatters");
  assert.ok(numbers.l0 > 1 && numbers.l0 < 0.5 * numbers.features, `L0 ${numbers.l0}`);
  assert.ok(numbers.deadFeatures < 0.5 * numbers.features, `${numbers.deadFeatures} dead`);
  assert.equal(figures.length, 2, "the training curves and the sparsity histogram");
  for (const { data } of outputs.filter(({ data }) => data?.[PLOTLY])) {
    const picture = Object.entries(data ?? {}).find(([mime]) => mime.startsWith("image/"));
    assert.ok(picture && String(picture[1]).length > 5000, "a picture for places without scripts");
  }
  assert.equal(pictures, 3, "the sample of pictures, the top pictures of features, and those of the knob");
  assert.ok(readFileSync(join(folder, "01-training.html"), "utf8").length > 100_000);
});

test("02 splits all living features in two, and measures whether the cluster is one direction", () => {
  const { numbers, figures, pictures, outputs, printed } = execute("02-ultra-low-density-cluster", {
    ...L1,
    otherExpansion: 2,
    recipesExpansion: 4,
    k: 16,
  });
  assert.ok(numbers.dense > 0 && numbers.ultraLow > 0 && numbers.dense + numbers.ultraLow <= 4 * 192);
  assert.ok(Number.isFinite(numbers.bicGain) && numbers.separation > 0);
  assert.equal(figures.length, 6);
  assert.deepEqual(
    figures[3].data.map(({ name }) => name),
    ["ultra-low density", "dense", "random"],
  );
  const recipes: { SAE: string; L0: number; features: number }[] = JSON.parse(
    /^\[.*\]$/m.exec(printed)?.[0] ?? "[]",
  );
  assert.deepEqual(
    recipes.map(({ SAE }) => SAE),
    [
      "the post's recipe",
      "topk",
      "batchtopk",
      "matryoshka",
      "the post's without ghost gradients",
      "the post's with inputs centred",
    ],
  );
  for (const [i, { SAE, L0, features }] of recipes.entries()) {
    assert.equal(features, 4 * 192);
    const choosesK = i >= 1 && i <= 3;
    assert.ok(L0 > 1 && (!choosesK || L0 <= 40), `${SAE}: ${L0}`);
  }
  const places = outputs.filter(({ data }) => String(data?.["text/html"]).includes("vitrine-clicked"));
  assert.equal(places.length, 1, "a place for the pictures of a clicked point");
  assert.equal(pictures, 3);
});

test("03 finds features whose pictures agree more than random ones do", () => {
  const { numbers, figures, pictures, printed } = execute("03-label-entropy");
  assert.match(printed, /activations: computed before, read from the cache/);
  assert.ok(numbers.median < numbers.shuffledMedian, `${numbers.median} of ${numbers.shuffledMedian}`);
  assert.ok(numbers.defined > 100);
  assert.equal(figures.length, 3);
  assert.ok(pictures >= 3);
});

test("04 computes its random range, and decoder vectors lie nearer to the block's neurons than encoder vectors", () => {
  const { numbers, figures, pictures } = execute("04-neuron-alignment");
  assert.ok(numbers.randomMin > 0.1 && numbers.randomMax < 0.5 && numbers.randomMin < numbers.randomMax);
  assert.ok(numbers.alignedDecoder >= 0 && numbers.alignedDecoder <= 1 && numbers.alignedEncoder <= 1);
  assert.equal(figures.length, 4);
  assert.equal(pictures, 10);
});

test("05 scores each lens against shuffled labels", () => {
  const { numbers, figures } = execute("05-logit-lens", { ...L1, picturesPerFeature: 2, lensPictures: 4000 });
  assert.equal(Object.keys(numbers).length, 9);
  for (const [lens, top1] of Object.entries(numbers)) assert.ok(top1 >= 0 && top1 <= 1, `${lens}: ${top1}`);
  assert.ok(numbers["ablation, total"] > 0.02, `${numbers["ablation, total"]}`);
  assert.equal(figures.length, 1);
});

test("06 makes pictures that drive their features, and maps what they need", () => {
  const { numbers, figures, pictures } = execute("06-feature-visualisation", { ...L1, ascentSteps: 25 });
  assert.equal(numbers.features, 6);
  assert.equal(figures.length, 4, "the ascent and three heatmaps");
  assert.equal(pictures, 5, "the made beside the strongest, frames, and three with heatmaps");
  const climbs = figures[0].data.map(({ y }) => y as number[]);
  const better = climbs.filter((activations) => activations[24] > activations[0]).length;
  assert.ok(better >= 5, `${better} of 6 climbed`);
});

test("07 lets a machine guess far above chance", () => {
  const { numbers, figures } = execute("07-guess-the-picture", { ...L1, gameRounds: 1 });
  assert.equal(numbers.chance, 0.25);
  assert.ok(numbers.long > 0.5, `${numbers.long}`);
  assert.ok(numbers.all > 0.05, `${numbers.all}`);
  assert.equal(figures.length, 1);
});

test("08 sweeps recipes on one stream and finds the front", () => {
  const { figures, printed } = execute("08-sweep", { steps: 60 });
  const front: { name: string; l0: number; fvu: number }[] = JSON.parse(
    /^\[.*\]$/m.exec(printed)?.[0] ?? "[]",
  );
  assert.ok(front.length >= 1);
  for (const [i, { l0, fvu }] of front.entries()) {
    assert.ok(l0 > 0 && fvu > 0);
    if (i > 0)
      assert.ok(l0 > front[i - 1].l0 && fvu < front[i - 1].fvu, "each explains more with more features");
  }
  assert.equal(figures.length, 1);
});

test("another model and a folder in ImageNet's layout take the parameters cell only", async () => {
  const world = {
    ...(await writeOtherWorld(elsewhere)),
    hookPoint: "blocks.2.hook_resid_post",
    prompt: "A photo of a {label}.",
  };
  const training = execute("01-training", { ...world, warmUpSteps: 50, modelPictures: 64 });
  assert.equal(training.numbers.features, 4 * 64);
  assert.match(training.printed, /600 pictures of 24 classes/);
  const { prompt, ...labelled } = { ...world, ...L1, label: "class" };
  const entropy = execute("03-label-entropy", labelled);
  assert.match(entropy.printed, /left out: group, style; this data set has labels of kind class, folder/);
  assert.ok(entropy.numbers.defined > 100);
  const { numbers } = execute("05-logit-lens", {
    ...labelled,
    prompt,
    picturesPerFeature: 2,
    lensPictures: 300,
  });
  assert.equal(Object.keys(numbers).length, 9);
});
