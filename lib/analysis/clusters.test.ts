import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../tensor";
import { clustersByMixture, clustersByThreshold } from "./clusters";

test("the post's thresholds take all three conditions; a dead feature is in no cluster", () => {
  const points = {
    log10Density: [-3, -3, -5, -10, -3],
    log10MeanTop: [0, -1, 0, Number.NaN, 0],
  };
  const entropy = [1, 1, 1, Number.NaN, Number.NaN];
  assert.deepEqual(clustersByThreshold(points, {}, entropy), [
    "dense",
    "ultraLow",
    "ultraLow",
    "dead",
    "ultraLow",
  ]);
  assert.equal(clustersByThreshold(points)[4], "dense");
  assert.equal(clustersByThreshold(points, { log10MeanTop: -2 })[1], "dense");
});

test("one cloud of points gives no reason for two bells, two clouds a strong one", () => {
  const random = new Random("clouds");
  const cloud = (count: number, x: number, y: number) =>
    Array.from({ length: count }, () => [x + 0.3 * random.normal(), y + 0.2 * random.normal()]);
  const fit = (points: number[][]) =>
    clustersByMixture({ log10Density: points.map(([x]) => x), log10MeanTop: points.map(([, y]) => y) });
  const one = fit(cloud(400, -3, 0));
  assert.ok(one.bicGain < 0, `${one.bicGain}`);
  const two = fit([...cloud(100, -2, 0.5), ...cloud(300, -4, -1)]);
  assert.ok(two.bicGain > 100 && two.separation > 3);
  assert.deepEqual(
    two.clusters,
    Array.from({ length: 400 }, (_, i) => (i < 100 ? "dense" : "ultraLow")),
  );
});

test("too few living features are refused", () => {
  const points = { log10Density: [-10, -10, -2], log10MeanTop: [Number.NaN, Number.NaN, 0] };
  assert.throws(() => clustersByMixture(points), /expected ten living features or more, got 1/);
});
