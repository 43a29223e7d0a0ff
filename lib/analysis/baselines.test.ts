import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memorySource } from "../sae";
import { expectNoLeak, Random, type Tensor, tf } from "../tensor";
import {
  dictionaryBaseline,
  kMeans,
  nearestCentreBaseline,
  pcaBaseline,
  principalComponents,
  randomDirections,
  readoutBaseline,
  reconstructionOf,
} from "./baselines";

const [N, D] = [3000, 6];

/** Rows whose coordinates vary by 6, 5, …, 1 in an orthogonal basis, about a mean far from 0. */
function rotatedRows(): { rows: Float32Array; basis: number[][] } {
  const random = new Random("rotated");
  const basis: number[][] = [];
  while (basis.length < D) {
    const row = Array.from({ length: D }, () => random.normal());
    for (const other of basis) {
      const along = row.reduce((sum, value, d) => sum + value * other[d], 0);
      row.forEach((value, d) => {
        row[d] = value - along * other[d];
      });
    }
    const norm = Math.hypot(...row);
    basis.push(row.map((value) => value / norm));
  }
  const rows = new Float32Array(N * D);
  for (let n = 0; n < N; n++) {
    const code = basis.map((_, i) => (D - i) * random.normal());
    for (let d = 0; d < D; d++) rows[n * D + d] = 20 + code.reduce((sum, c, i) => sum + c * basis[i][d], 0);
  }
  return { rows, basis };
}

/** FVU of keeping, for each row, the `k` components that `order` puts first, worked out in float64. */
function fvuOfKept(
  rows: Float32Array,
  components: Float32Array,
  k: number,
  order: "first" | "largest",
): number {
  const mean = Array.from({ length: D }, (_, d) => {
    let sum = 0;
    for (let n = 0; n < N; n++) sum += rows[n * D + d];
    return sum / N;
  });
  let [lost, all] = [0, 0];
  for (let n = 0; n < N; n++) {
    const code = Array.from({ length: D }, (_, i) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += (rows[n * D + d] - mean[d]) * components[i * D + d];
      return sum * sum;
    });
    all += code.reduce((sum, square) => sum + square, 0);
    const kept = order === "first" ? code : [...code].sort((a, b) => b - a);
    lost += kept.slice(k).reduce((sum, square) => sum + square, 0);
  }
  return lost / all;
}

describe("principal components", () => {
  test("are the directions that the rows were made of, falling by variance", () => {
    const { rows, basis } = rotatedRows();
    const x = tf.tensor2d(rows, [N, D]);
    const { mean, components, variances } = principalComponents(x);
    const found = components.arraySync() as number[][];
    basis.forEach((direction, i) => {
      const cosine = Math.abs(direction.reduce((sum, value, d) => sum + value * found[i][d], 0));
      assert.ok(cosine > 0.98, `component ${i}: cosine ${cosine}`);
      assert.ok(Math.abs(variances[i] / (D - i) ** 2 - 1) < 0.15, `variance ${i}: ${variances[i]}`);
    });
    tf.dispose([x, mean, components]);
  });

  for (const choice of ["first", "largest"] as const) {
    test(`keeping the ${choice} two leaves what the coefficients written out leave`, async () => {
      const { rows } = rotatedRows();
      const x = tf.tensor2d(rows, [N, D]);
      const found = principalComponents(x);
      const baseline = pcaBaseline(found, 2, choice);
      const { fvu } = await reconstructionOf(baseline, memorySource(rows, D), { batchSize: 700 });
      const expected = fvuOfKept(rows, found.components.dataSync<"float32">(), 2, choice);
      assert.ok(Math.abs(fvu - expected) < 1e-4, `${fvu}, expected ${expected}`);
      baseline.dispose();
      tf.dispose([x, found.mean, found.components]);
    });
  }
});

describe("k-means", () => {
  test("finds well separated groups and leaves only the spread within them", async () => {
    const random = new Random("groups");
    const centres = Array.from({ length: 5 }, () => Array.from({ length: D }, () => 30 * random.normal()));
    const rows = Float32Array.from(
      { length: N * D },
      (_, i) => centres[Math.floor(i / D) % 5][i % D] + random.normal(),
    );
    const x = tf.tensor2d(rows, [N, D]);
    // More centres than groups, so that each group has one whatever rows they start from.
    const found = await kMeans(x, 40, { iterations: 15 });
    const baseline = nearestCentreBaseline(found);
    const { mse } = await reconstructionOf(baseline, memorySource(rows, D));
    assert.ok(mse < 1.05 && mse > 0.4, `mean squared error ${mse}`);
    const means = await kMeans(x, 40, { iterations: 0 });
    const before = await reconstructionOf(nearestCentreBaseline(means), memorySource(rows, D));
    assert.ok(mse < before.mse, "iterations help");
    baseline.dispose();
    tf.dispose([x, found, means]);
  });
});

describe("matching pursuit", () => {
  test("over an orthogonal dictionary keeps each row's largest coefficients", async () => {
    const { rows } = rotatedRows();
    const x = tf.tensor2d(rows, [N, D]);
    const { mean, components } = principalComponents(x);
    const pursuit = dictionaryBaseline("pursuit", components, mean, 3);
    const { fvu } = await reconstructionOf(pursuit, memorySource(rows, D));
    const expected = fvuOfKept(rows, components.dataSync<"float32">(), 3, "largest");
    assert.ok(Math.abs(fvu - expected) < 1e-4, `${fvu}, expected ${expected}`);
    pursuit.dispose();
    tf.dispose([x, mean, components]);
  });

  test("takes the best direction again and again, worked out by hand", () => {
    const directions = tf.tensor2d([
      [3, 0],
      [5, 5],
    ]);
    const mean = tf.tensor1d([1, 1]);
    const x = tf.tensor2d([[1, 5]]);
    const results = [1, 2].map((l0) => {
      const pursuit = dictionaryBaseline("pursuit", directions, mean, l0);
      const out = pursuit.reconstruct(x);
      pursuit.dispose();
      return out as Tensor;
    });
    // (0, 4) about the mean: first 2·(1, 1), which leaves (-2, 2), then -2·(1, 0).
    const [once, twice] = results.map((tensor) => Array.from(tensor.dataSync()));
    assert.deepEqual(
      once.map((value) => Math.round(value * 1e5) / 1e5),
      [3, 3],
    );
    assert.deepEqual(
      twice.map((value) => Math.round(value * 1e5) / 1e5),
      [1, 3],
    );
    tf.dispose([directions, mean, x, ...results]);
  });
});

test("a readout of an orthogonal dictionary and its negatives gives back each row's largest coefficients", async () => {
  const { rows } = rotatedRows();
  const x = tf.tensor2d(rows, [N, D]);
  const { mean, components } = principalComponents(x);
  const both = tf.concat([components, components.neg()], 0);
  const source = memorySource(rows, D);
  const readout = await readoutBaseline("readout", both, mean, D, source);
  const whole = await reconstructionOf(readout, source);
  assert.ok(whole.fvu < 1e-4, `FVU ${whole.fvu} with all coefficients`);
  const few = await readoutBaseline("readout", both, mean, 2, source);
  const { fvu } = await reconstructionOf(few, source);
  const written = fvuOfKept(rows, components.dataSync<"float32">(), 2, "largest");
  // The best map back scales what is selected, so it is no worse than the coefficients themselves.
  assert.ok(fvu <= written + 1e-3 && fvu > 0.5 * written, `${fvu}, coefficients alone ${written}`);
  readout.dispose();
  few.dispose();
  tf.dispose([x, mean, components, both]);
});

test("no tensor is left behind by baselines", async () => {
  const { rows } = rotatedRows();
  await expectNoLeak(async () => {
    const x = tf.tensor2d(rows, [N, D]);
    const found = principalComponents(x);
    const centres = await kMeans(x, 8, { iterations: 2 });
    const random = randomDirections(10, D);
    const all = [
      pcaBaseline(found, 2),
      pcaBaseline(found, 2, "largest"),
      nearestCentreBaseline(centres),
      dictionaryBaseline("random", random, found.mean, 3),
      await readoutBaseline("random", random, found.mean, 3, memorySource(rows, D)),
    ];
    for (const baseline of all) {
      await reconstructionOf(baseline, memorySource(rows, D));
      baseline.dispose();
    }
    tf.dispose([x, found.mean, found.components, centres, random]);
  });
});
