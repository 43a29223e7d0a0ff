import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../tensor";
import { Reconstruction } from "./reconstruction";

const [N, D] = [40, 5];

function rows(seed: string, shift = 0): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: N * D }, () => random.normal() + shift);
}

const near = (got: number, expected: number, tolerance = 1e-12) =>
  assert.ok(
    Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${got} for ${expected}`,
  );

test("every measurement equals its formula written out", () => {
  const x = rows("x", 2);
  const xHat = x.map((value, i) => 0.9 * value + 0.1 * Math.sin(i));
  const measured = new Reconstruction(D);
  measured.add(x, xHat);
  const result = measured.result();

  const row = (data: Float32Array, i: number) => [...data.slice(i * D, (i + 1) * D)];
  const mean = Array.from(
    { length: D },
    (_, d) => x.filter((_, i) => i % D === d).reduce((a, b) => a + b, 0) / N,
  );
  const square = (values: number[]) => values.reduce((sum, value) => sum + value * value, 0);
  let [errors, byNorm, centred, uncentred, cosine, norms, normsHat] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < N; i++) {
    const [a, b] = [row(x, i), row(xHat, i)];
    const error = square(a.map((value, d) => value - b[d]));
    errors += error;
    byNorm += error / Math.hypot(...a);
    centred += square(a.map((value, d) => value - mean[d]));
    uncentred += square(a);
    cosine += a.reduce((sum, value, d) => sum + value * b[d], 0) / (Math.hypot(...a) * Math.hypot(...b)) / N;
    norms += Math.hypot(...a);
    normsHat += Math.hypot(...b);
  }
  assert.equal(result.rows, N);
  near(result.mse, errors / (N * D));
  near(result.mseFry, byNorm / (N * D));
  near(result.fvu, errors / centred);
  near(result.explainedVariance, 1 - errors / centred);
  near(result.explainedVarianceFry, 1 - errors / uncentred);
  near(result.cosine, cosine);
  near(result.relativeNorm, normsHat / norms);
});

test("batches and merged parts give what one batch gives", () => {
  const x = rows("x", 3);
  const xHat = rows("xHat", 3);
  const whole = new Reconstruction(D);
  whole.add(x, xHat);
  const parts = [0, 1, 13, 30].map((from, i, starts) => {
    const part = new Reconstruction(D);
    const to = starts[i + 1] ?? N;
    part.add(x.slice(from * D, to * D), xHat.slice(from * D, to * D));
    return part;
  });
  const [merged, ...others] = parts;
  for (const other of others) merged.merge(other);
  for (const [name, value] of Object.entries(whole.result())) near(Reflect.get(merged.result(), name), value);
});

test("the mean row as reconstruction has an FVU of 1 although the uncentred figure flatters it", () => {
  const x = rows("x", 1000);
  const measured = new Reconstruction(D);
  const mean = Float32Array.from(
    { length: D },
    (_, d) => x.filter((_, i) => i % D === d).reduce((a, b) => a + b, 0) / N,
  );
  measured.add(
    x,
    Float32Array.from(x, (_, i) => mean[i % D]),
  );
  near(measured.result().fvu, 1, 1e-6);
  assert.ok(measured.result().explainedVarianceFry > 0.999);
});

test("a large common mean does not cost the variance its digits", () => {
  const x = rows("x");
  const xHat = rows("xHat");
  const plain = new Reconstruction(D);
  plain.add(x, xHat);
  const shifted = new Reconstruction(D);
  for (let i = 0; i < N; i++) {
    const part = [x, xHat].map((data) => data.slice(i * D, (i + 1) * D).map((value) => value + 4096));
    shifted.add(part[0], part[1]);
  }
  near(shifted.result().fvu, plain.result().fvu, 2e-3);
});
