import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../tensor";
import { geometricMedian, initialBDec } from "./init";
import { inputScaling, scaleInPlace } from "./scaling";

describe("geometric median", () => {
  const normal = (n: number, seed: string) => {
    const random = new Random(seed);
    return Float32Array.from({ length: n }, () => random.normal());
  };

  test("no nearby point has a smaller sum of distances", () => {
    const D = 4;
    const rows = normal(200 * D, "median");
    rows.fill(50, 0, 20 * D); // a tenth of the rows lies far away
    const cost = (m: Float32Array) => {
      let sum = 0;
      for (let i = 0; i < rows.length; i += D)
        sum += Math.hypot(...[0, 1, 2, 3].map((d) => rows[i + d] - m[d]));
      return sum;
    };
    const median = geometricMedian(rows, D);
    const least = cost(median);
    const random = new Random("directions");
    for (let trial = 0; trial < 50; trial++) {
      const moved = median.map((value) => value + 0.02 * random.normal());
      assert.ok(cost(moved) > least);
    }
    const mean = initialBDec("mean", rows, D);
    assert.ok(Math.abs(median[0]) < 0.5 && mean[0] > 4, `median ${median[0]}, mean ${mean[0]}`);
  });

  test("it is the middle row of three on a line, where the estimate falls onto a row", () => {
    const median = geometricMedian(Float32Array.of(0, 0, 1, 1, 5, 5), 2, {
      tolerance: 1e-9,
      maxIterations: 5000,
    });
    assert.ok(Math.hypot(median[0] - 1, median[1] - 1) < 1e-2, `${median}`);
  });

  test("equal rows are their own median, and zero is zero", () => {
    assert.deepEqual(geometricMedian(Float32Array.of(3, 4, 3, 4), 2), Float32Array.of(3, 4));
    assert.deepEqual(initialBDec("zero", Float32Array.of(3, 4), 2), new Float32Array(2));
  });
});

test("scaled rows have a mean norm of √D about the centre", () => {
  const random = new Random("scale");
  const D = 9;
  const rows = Float32Array.from({ length: 300 * D }, () => 17 * random.normal() + 30);
  const scaling = inputScaling(rows, D, {
    normalizeActivations: "expected_average_only_in",
    centreInputs: true,
  });
  scaleInPlace(rows, D, scaling);
  let [norms, sum] = [0, 0];
  for (let i = 0; i < rows.length; i += D) norms += Math.hypot(...rows.subarray(i, i + D)) / 300;
  for (const value of rows) sum += value / rows.length;
  assert.ok(Math.abs(norms - 3) < 1e-5, `${norms}`);
  assert.ok(Math.abs(sum) < 1e-6, `${sum}`);
});
