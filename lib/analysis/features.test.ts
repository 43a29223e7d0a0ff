import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../tensor";
import { FeatureDensity } from "./density";
import { labelEntropies, labelEntropy } from "./label-entropy";
import { TopExamples } from "./top-examples";

const [N, F, K] = [60, 7, 5];

/** Sparse activations with many ties; feature 6 never fires, feature 5 on two rows only. */
const f = (() => {
  const random = new Random("activations");
  return Float32Array.from({ length: N * F }, (_, i) => {
    const [row, feature] = [Math.floor(i / F), i % F];
    if (feature === 6) return 0;
    if (feature === 5) return row === 9 || row === 41 ? 0.5 : 0;
    return random.uniform() < 0.5 ? 0 : Math.fround((1 + random.int(6)) / 4);
  });
})();

/** All rows that fire, strongest first, then by number. */
function sortedRows(feature: number): { row: number; value: number }[] {
  return Array.from({ length: N }, (_, row) => ({ row, value: f[row * F + feature] }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value || a.row - b.row);
}

test("density, L0, L1 and dead features equal counts written out", () => {
  const density = new FeatureDensity(F);
  density.add(f.slice(0, 20 * F));
  density.add(f.slice(20 * F));
  const result = density.result();
  for (let feature = 0; feature < F; feature++) {
    const fired = sortedRows(feature);
    const sum = fired.reduce((total, { value }) => total + value, 0);
    assert.equal(result.featureDensity[feature], fired.length / N);
    assert.equal(result.log10Density[feature], Math.log10(fired.length / N + 1e-10));
    assert.equal(result.meanActivation[feature], fired.length ? sum / fired.length : 0);
  }
  assert.equal(result.rows, N);
  assert.equal(result.l0, f.filter((value) => value > 0).length / N);
  assert.equal(result.l1, f.reduce((sum, value) => sum + value, 0) / N);
  assert.equal(result.deadFeatures, 1);
  assert.equal(result.log10Density[6], -10);
});

test("merged densities equal those of all rows at once", () => {
  const whole = new FeatureDensity(F);
  whole.add(f);
  const [left, right] = [new FeatureDensity(F), new FeatureDensity(F)];
  left.add(f.slice(0, 33 * F));
  right.add(f.slice(33 * F));
  left.merge(right);
  assert.deepEqual(left.result(), whole.result());
});

test("top rows equal a full sort, ties by row number, whatever the batches and the order of merging", () => {
  const cuts = [0, 1, 17, 40, N];
  const parts = cuts.slice(1).map((to, i) => {
    const part = new TopExamples(F, K);
    part.add(f.slice(cuts[i] * F, to * F), cuts[i]);
    return part;
  });
  const streamed = new TopExamples(F, K);
  for (let row = 0; row < N; row++) streamed.add(f.slice(row * F, (row + 1) * F), row);
  const backwards = new TopExamples(F, K);
  for (const part of parts.reverse()) backwards.merge(part);
  for (let feature = 0; feature < F; feature++) {
    const expected = sortedRows(feature).slice(0, K);
    for (const top of [streamed, backwards]) {
      assert.deepEqual(
        [...top.feature(feature).rows],
        expected.map(({ row }) => row),
      );
      assert.deepEqual(
        [...top.feature(feature).activations],
        expected.map(({ value }) => value),
      );
    }
    const mean = expected.reduce((sum, { value }) => sum + value, 0) / expected.length;
    assert.ok(
      Object.is(streamed.meanActivation()[feature], mean) ||
        Math.abs(streamed.meanActivation()[feature] - mean) < 1e-12,
    );
  }
  assert.equal(streamed.feature(5).rows.length, 2);
  assert.ok(Number.isNaN(streamed.meanActivation()[6]));
});

test("label entropy weighs labels by activation, in nats", () => {
  const top = { rows: Int32Array.of(4, 2, 0), activations: Float32Array.of(3, 2, 1) };
  const labels = [7, 1, 7, 1, 8];
  const expected = -(0.5 * Math.log(0.5) + 0.5 * Math.log(0.5)); // label 8: 3 of 6; label 7: 2 + 1 of 6
  assert.ok(Math.abs(labelEntropy(top, labels, { minimumRows: 3 }) - expected) < 1e-12);
  assert.equal(labelEntropy(top, [5, 5, 5, 5, 5], { minimumRows: 3 }), 0);
  assert.ok(
    Math.abs(
      labelEntropy({ ...top, activations: Float32Array.of(1, 1, 1) }, [0, 1, 2, 3, 4], { minimumRows: 3 }) -
        Math.log(3),
    ) < 1e-12,
  );
});

test("label entropy is NaN below ten rows, and a row without a label is refused", () => {
  const top = new TopExamples(F, 20);
  top.add(f, 0);
  const labels = Array.from({ length: N }, (_, row) => row % 3);
  const entropies = labelEntropies(top, labels);
  assert.deepEqual(
    [...entropies.keys()].filter((feature) => Number.isNaN(entropies[feature])),
    [5, 6],
  );
  assert.equal(entropies[0], labelEntropy(top.feature(0), labels));
  assert.throws(() => labelEntropy(top.feature(0), [1, 2]), /expected a label for row \d+, got 2 labels/);
});
