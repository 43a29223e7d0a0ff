import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { expectNoLeak, Random, type Tensor2D, tf } from "../tensor";
import type { SaeTrainingOptions } from "./config";
import type { TrainingMetrics } from "./metrics";
import type { Sae } from "./sae";
import { memorySource } from "./source";
import { type TrainSaeOptions, trainSae } from "./trainer";

const root = mkdtempSync(join(tmpdir(), "trainer-"));
let serial = 0;
const newFolder = () => join(root, `run-${serial++}`);
after(() => rmSync(root, { recursive: true, force: true }));

const WIDTH = 12;
const rows = (() => {
  const random = new Random("rows");
  return Float32Array.from({ length: 500 * WIDTH }, () => random.normal());
})();
const source = memorySource(rows, WIDTH, "rows");
const short: SaeTrainingOptions = {
  architecture: "standard",
  dSae: 48,
  steps: 30,
  batchSize: 64,
  warmUpSteps: 5,
  deadAfterSteps: 3,
  l1Coefficient: 0.03,
  learningRate: 5e-3,
};

function hash(sae: Sae): string {
  const digest = createHash("sha256");
  for (const name of Object.keys(sae.weights).sort())
    digest.update(sae.weights[name].dataSync() as Float32Array);
  return digest.digest("hex");
}

/** Trains, and keeps of the SAE only its hash. */
async function hashOfRun(options: SaeTrainingOptions, watch: TrainSaeOptions = {}): Promise<string> {
  const { sae } = await trainSae(source, options, watch);
  const result = hash(sae);
  sae.dispose();
  return result;
}

/** What of a record does not depend on the clock. */
function withoutTimes({ tokensPerSecond, seconds, ...rest }: TrainingMetrics) {
  assert.ok(tokensPerSecond > 0 && seconds > 0);
  return rest;
}

test("the same seed gives the same bits and another seed gives others", async () => {
  const first = await hashOfRun(short);
  assert.equal(await hashOfRun(short), first);
  assert.notEqual(await hashOfRun({ ...short, seed: 43 }), first);
});

test("a run that was stopped twice and resumed ends with the bits and metrics of one that was not", async () => {
  const whole = await trainSae(source, short, { metricsEvery: 2 });
  const runFolder = newFolder();
  for (const stopAt of [8, 20]) {
    const controller = new AbortController();
    const stopped = trainSae(source, short, {
      runFolder,
      metricsEvery: 2,
      signal: controller.signal,
      onMetrics: ({ step }) => {
        if (step === stopAt) controller.abort(new Error(`stopped at ${stopAt}`));
      },
    });
    await assert.rejects(stopped, new RegExp(`stopped at ${stopAt}`));
  }
  const seen: number[] = [];
  const resumed = await trainSae(source, short, {
    runFolder,
    metricsEvery: 2,
    onMetrics: ({ step }) => seen.push(step),
  });
  assert.equal(hash(resumed.sae), hash(whole.sae));
  assert.deepEqual(resumed.metrics.map(withoutTimes), whole.metrics.map(withoutTimes));
  assert.deepEqual(seen, [1, ...Array.from({ length: 15 }, (_, i) => 2 * i + 2)]);
  const lines = readFileSync(join(runFolder, "metrics.jsonl"), "utf8").trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    resumed.metrics,
  );
  whole.sae.dispose();
  resumed.sae.dispose();
});

test("a run that broke off between checkpoints is taken up from the last one to the same bits", async () => {
  const expected = await hashOfRun(short);
  const runFolder = newFolder();
  const broken = trainSae(source, short, {
    runFolder,
    checkpointEvery: 7,
    metricsEvery: 1,
    onMetrics: ({ step }) => {
      if (step === 19) throw new Error("the lights went out");
    },
  });
  await assert.rejects(broken, /the lights went out/);
  appendFileSync(join(runFolder, "metrics.jsonl"), '{"step": 20, "to');
  const { sae, metrics } = await trainSae(source, short, { runFolder, metricsEvery: 1 });
  assert.equal(hash(sae), expected);
  assert.deepEqual(
    metrics.map(({ step }) => step),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  sae.dispose();
});

test("a finished run is read back without training, and restart trains it anew", async () => {
  const runFolder = newFolder();
  const first = await trainSae(source, short, { runFolder });
  const checkpoints: number[] = [];
  const onCheckpoint = ({ step }: { step: number }) => checkpoints.push(step);
  const again = await trainSae(source, short, { runFolder, onCheckpoint });
  assert.equal(hash(again.sae), hash(first.sae));
  assert.deepEqual([first.cached, again.cached], [false, true]);
  assert.deepEqual(again.metrics, first.metrics);
  assert.deepEqual(checkpoints, []);
  assert.equal(await hashOfRun(short, { runFolder, restart: true, onCheckpoint }), hash(first.sae));
  assert.deepEqual(checkpoints, [30]);
  first.sae.dispose();
  again.sae.dispose();
});

test("evaluations that decide nothing do not make another run of it; such that do, do", async () => {
  const runFolder = newFolder();
  const evaluate = async () => ({ fvu: 1 });
  const first = await trainSae(source, short, { runFolder, evaluate, evaluateEvery: 10 });
  const again = await trainSae(source, short, { runFolder });
  assert.ok(again.cached);
  const decided = trainSae(source, short, { runFolder, evaluate, evaluateEvery: 10, patience: 2 });
  await assert.rejects(decided, /differs in stopping/);
  first.sae.dispose();
  again.sae.dispose();
});

test("a folder of another run is refused with the names of what differs", async () => {
  const runFolder = newFolder();
  await hashOfRun({ ...short, steps: 2 }, { runFolder });
  await assert.rejects(hashOfRun({ ...short, steps: 2, seed: 7 }, { runFolder }), /differs in seed/);
  const otherRows = memorySource(rows, WIDTH, "other rows");
  await assert.rejects(trainSae(otherRows, { ...short, steps: 2 }, { runFolder }), /differs in data/);
});

test("a folder in which another process trains is refused, also to be started over; one that is gone is succeeded", async () => {
  const runFolder = newFolder();
  const broken = trainSae(source, short, {
    runFolder,
    onMetrics: () => {
      throw new Error("the lights went out");
    },
  });
  await assert.rejects(broken, /the lights went out/);
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const stat = existsSync("/proc") ? readFileSync(`/proc/${other.pid}/stat`, "utf8") : ") ";
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  const lock = join(runFolder, "in-use.json");
  assert.ok(!existsSync(lock));
  writeFileSync(lock, JSON.stringify({ pid: other.pid, start, number: 0 }));
  for (const restart of [false, true])
    await assert.rejects(trainSae(source, short, { runFolder, restart }), /no other process writes to/);
  other.kill("SIGKILL");
  await once(other, "exit");
  const { sae } = await trainSae(source, short, { runFolder });
  assert.ok(!existsSync(lock));
  sae.dispose();
});

test("a loss that is not finite stops the run with its step and terms", async () => {
  const poisoned = rows.slice();
  poisoned.fill(Number.NaN, 0, WIDTH);
  const options = { ...short, bDecInit: "zero" } as const;
  await assert.rejects(
    trainSae(memorySource(poisoned, WIDTH), options),
    /expected finite losses, got .*mse NaN.* at step \d+/,
  );
});

test("scaling and centring while training are folded into an SAE of the raw inputs", async () => {
  const shifted = rows.map((value, i) => 40 * value + 100 * (i % WIDTH));
  const options: SaeTrainingOptions = {
    ...short,
    normalizeActivations: "expected_average_only_in",
    centreInputs: true,
    l1Coefficient: 0,
    steps: 60,
  };
  const { sae, metrics } = await trainSae(memorySource(shifted, WIDTH), options);
  const fvu = tf.tidy(() => {
    const x = tf.tensor2d(shifted, [500, WIDTH]);
    return x
      .sub(sae.reconstruct(x))
      .square()
      .sum()
      .div(x.sub(x.mean(0)).square().sum())
      .dataSync()[0];
  });
  const last = metrics[metrics.length - 1].fvu;
  assert.ok(Math.abs(fvu - last) < 0.25 * last, `${fvu} on raw inputs, ${last} in training`);
  sae.dispose();
});

test("training recovers the directions that synthetic sparse data is made of", async () => {
  const [D, G, N, perRow] = [24, 40, 16384, 3];
  const random = new Random("truth");
  const directions = Array.from({ length: G }, () => {
    const row = Array.from({ length: D }, () => random.normal());
    const norm = Math.hypot(...row);
    return row.map((value) => value / norm);
  });
  const data = new Float32Array(N * D);
  for (let row = 0; row < N; row++) {
    for (let i = 0; i < perRow; i++) {
      const direction = directions[random.int(G)];
      const strength = 1 + random.uniform();
      for (let d = 0; d < D; d++) data[row * D + d] += strength * direction[d];
    }
  }
  const { sae, metrics } = await trainSae(memorySource(data, D), {
    architecture: "standard",
    dSae: 80,
    steps: 1500,
    batchSize: 256,
    learningRate: 2e-3,
    warmUpSteps: 100,
    l1Coefficient: 8e-3,
    deadAfterSteps: 64,
  });
  const truth = tf.tensor2d(directions);
  const cosines = tf.tidy(() => tf.matMul(truth, sae.weights.WDec as Tensor2D, false, true).max(1));
  const best = cosines.dataSync() as Float32Array;
  cosines.dispose();
  const mean = best.reduce((sum, cosine) => sum + cosine, 0) / G;
  const last = metrics[metrics.length - 1];
  assert.ok(mean > 0.9, `mean of the largest cosines ${mean}`);
  assert.ok(last.explainedVariance > 0.8, `explained variance ${last.explainedVariance}`);
  assert.ok(last.l0 < 12, `L0 ${last.l0}`);
  truth.dispose();
  sae.dispose();
});

test("no tensor is left behind by a run, finished or stopped", async () => {
  await expectNoLeak(async () => {
    await hashOfRun({ ...short, steps: 4 }, { runFolder: newFolder() });
    await assert.rejects(trainSae(source, short, { signal: AbortSignal.abort(new Error("no")) }), /no/);
  });
});
