import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { expectNoLeak, Random } from "../tensor";
import type { SaeTrainingOptions } from "./config";
import type { TrainingMetrics } from "./metrics";
import { RunFolder } from "./run-folder";
import { loadSae } from "./saelens";
import { memorySource } from "./source";
import { collapse, TrainingFailure } from "./stopping";
import { trainSae, trainSaes } from "./trainer";

const root = mkdtempSync(join(tmpdir(), "stopping-"));
after(() => rmSync(root, { recursive: true, force: true }));
let serial = 0;
const newFolder = () => join(root, `run-${serial++}`);

const WIDTH = 10;
const rows = (() => {
  const random = new Random("rows");
  return Float32Array.from({ length: 400 * WIDTH }, () => random.normal());
})();
const source = memorySource(rows, WIDTH, "rows");
const options = { dSae: 32, steps: 40, batchSize: 64, warmUpSteps: 5, learningRate: 3e-3 };
const topk = { ...options, architecture: "topk", k: 4 } satisfies SaeTrainingOptions;

/** An evaluation whose numbers are written down beforehand, by step. */
const scripted = (values: Record<number, number>) => async (_: unknown, step: number) => ({
  fvu: values[step] ?? 9,
});

test("a run ends after its patience, and its SAE is the best state's, also when it was stopped between", async () => {
  const values = { 5: 3, 10: 1, 15: 2, 20: 1.5, 25: 1.2, 30: 0 };
  const watch = { evaluate: scripted(values), evaluateEvery: 5, patience: 3, checkpointEvery: 1000 };
  const whole = await trainSae(source, topk, { ...watch, runFolder: newFolder() });
  assert.equal(whole.step, 10);
  assert.equal(whole.metrics[whole.metrics.length - 1].step, 25);
  const short = await trainSae(
    source,
    { ...topk, steps: 40 },
    { runFolder: newFolder(), evaluate: scripted({}) },
  );
  const controller = new AbortController();
  const runFolder = newFolder();
  const stopped = trainSae(source, topk, {
    ...watch,
    runFolder,
    signal: controller.signal,
    onMetrics: ({ step }) => step === 15 && controller.abort(new Error("enough")),
  });
  await assert.rejects(stopped, /enough/);
  const resumed = await trainSae(source, topk, { ...watch, runFolder });
  assert.equal(resumed.step, 10);
  assert.deepEqual(resumed.sae.weights.WEnc.dataSync(), whole.sae.weights.WEnc.dataSync());
  assert.notDeepEqual(short.sae.weights.WEnc.dataSync(), whole.sae.weights.WEnc.dataSync());
  const again = await trainSae(source, topk, { ...watch, runFolder });
  assert.equal(again.step, 10);
  for (const { sae } of [whole, short, resumed, again]) sae.dispose();
});

test("the newest checkpoints and the best one are kept", async () => {
  const runFolder = newFolder();
  const evaluate = scripted({ 12: 1, 24: 2, 36: 3 });
  const { sae } = await trainSae(source, topk, {
    runFolder,
    evaluate,
    evaluateEvery: 12,
    checkpointEvery: 4,
    keepLast: 2,
  });
  assert.deepEqual(new RunFolder(runFolder).checkpoints.steps(), [12, 36, 40]);
  sae.dispose();
});

test("SAEs trained together end with the bits of training alone, and one that fails stops alone", async () => {
  const runFolder = newFolder();
  const standard = { ...options, architecture: "standard", l1Coefficient: 0.01 } satisfies SaeTrainingOptions;
  const hopeless = { ...standard, l1Coefficient: 1e6, ghostGradients: false, learningRate: 0.5 };
  const together = await trainSaes(
    source,
    [
      { name: "topk", options: topk },
      { name: "hopeless", options: hopeless },
      { name: "short", options: { ...standard, steps: 20 } },
    ],
    { runFolder, metricsEvery: 2 },
  );
  const [first, failed, third] = together;
  assert.ok("sae" in first && "failure" in failed && "sae" in third);
  assert.match(failed.failure.reason, /expected features to fire/);
  const alone = await trainSae(source, topk);
  const shortAlone = await trainSae(source, { ...standard, steps: 20 });
  assert.deepEqual(first.sae.weights.WDec.dataSync(), alone.sae.weights.WDec.dataSync());
  assert.deepEqual(third.sae.weights.WDec.dataSync(), shortAlone.sae.weights.WDec.dataSync());
  // Each where its own folder says, a finished one read back.
  const members = [
    { name: "topk", options: topk, runFolder: join(runFolder, "topk") },
    { name: "other", options: { ...topk, steps: 20 } },
  ];
  const [found, made] = await trainSaes(source, members, { runFolder: newFolder() });
  assert.ok("sae" in found && found.cached && "sae" in made && !made.cached);
  assert.deepEqual(found.sae.weights.WDec.dataSync(), alone.sae.weights.WDec.dataSync());
  for (const sae of [first.sae, third.sae, alone.sae, shortAlone.sae, found.sae, made.sae]) sae.dispose();
  await assert.rejects(
    trainSaes(source, [
      { name: "a", options: topk },
      { name: "a", options: topk },
    ]),
    /different names/,
  );
  await assert.rejects(
    trainSaes(
      source,
      ["a", "b"].map((name) => ({ name, options: topk, runFolder: join(runFolder, "both") })),
    ),
    /a run folder for each member/,
  );
});

test("a failure names step, cause and the last good checkpoint, which can be loaded", async () => {
  const poisoned = rows.slice();
  poisoned.fill(Number.NaN, 0, WIDTH);
  let batches = 0;
  const good = memorySource(rows, WIDTH);
  const bad = {
    ...good,
    gather(indices: Uint32Array, into: Float32Array) {
      good.gather(indices, into);
      if (++batches > 21) into[3] = Number.NaN;
    },
  };
  const runFolder = newFolder();
  const run = trainSae(bad, topk, { runFolder, checkpointEvery: 5 });
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof TrainingFailure);
    assert.equal(error.step, 21);
    assert.match(
      error.message,
      /expected finite losses, got .*mse NaN.* at step 21; the last good checkpoint/,
    );
    assert.equal(error.checkpoint, new RunFolder(runFolder).checkpoints.pathOf(20));
    return existsSync(error.checkpoint as string);
  });
  // The data mended, the run goes on from there.
  const { sae } = await trainSae(good, topk, { runFolder });
  sae.dispose();
});

describe("collapse", () => {
  const record = (step: number, l0: number, fvu: number) => ({ step, l0, fvu }) as TrainingMetrics;
  test("silence counts after the warm-up alone, and three times in a row", () => {
    const silent = [1, 2, 3, 4].map((step) => record(step * 25, 0, 1));
    assert.match(collapse(silent, 20) ?? "", /expected features to fire/);
    assert.equal(collapse(silent, 60), undefined);
    assert.equal(collapse([record(50, 0, 1), record(75, 1, 1), record(100, 0, 1)], 20), undefined);
  });
  test("an FVU far above its smallest is a divergence", () => {
    assert.match(
      collapse([record(50, 3, 0.4), record(75, 3, 250)], 20) ?? "",
      /expected an FVU that falls, got 250/,
    );
    assert.equal(collapse([record(50, 3, 50), record(75, 3, 60)], 20), undefined);
  });
});

test("the metrics are a table that danfojs reads, with held-out numbers where there are any", async () => {
  const runFolder = newFolder();
  const { sae, metrics } = await trainSae(source, topk, {
    runFolder,
    evaluate: scripted({ 20: 0.5 }),
    evaluateEvery: 20,
  });
  const { readCSV } = await import("danfojs-node"); // after lib/tensor, which loads TensorFlow quietly
  const table = await readCSV(join(runFolder, "metrics.csv"));
  assert.equal(table.shape[0], metrics.length);
  assert.deepEqual(
    table.column("step").values,
    metrics.map(({ step }) => step),
  );
  assert.deepEqual(
    table.column("losses.mse").values,
    metrics.map(({ losses }) => losses.mse),
  );
  const heldOut = table.column("heldOut.fvu").values as (number | null)[];
  assert.equal(heldOut[metrics.findIndex(({ step }) => step === 20)], 0.5);
  const environment = JSON.parse(readFileSync(join(runFolder, "environment.json"), "utf8"));
  assert.equal(environment.node, process.version);
  const loaded = await loadSae(join(runFolder, "sae"));
  assert.deepEqual(loaded.weights.WDec.dataSync(), sae.weights.WDec.dataSync());
  sae.dispose();
  loaded.dispose();
});

test("no tensor is left behind by groups, failures and early stops", async () => {
  await expectNoLeak(async () => {
    const watch = { runFolder: newFolder(), evaluate: scripted({ 5: 1 }), evaluateEvery: 5, patience: 1 };
    const results = await trainSaes(
      source,
      [
        { name: "a", options: topk },
        { name: "b", options: { ...topk, k: 2 } },
      ],
      watch,
    );
    for (const result of results) if ("sae" in result) result.sae.dispose();
    const bad = memorySource(
      rows.map((value, i) => (i === 1 ? Number.NaN : value)),
      WIDTH,
    );
    await assert.rejects(
      trainSae(bad, { ...topk, centreInputs: false, normalizeActivations: "none", bDecInit: "zero" }),
    );
  });
});
