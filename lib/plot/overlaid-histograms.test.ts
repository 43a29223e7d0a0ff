import assert from "node:assert/strict";
import { test } from "node:test";
import { overlaidHistograms } from "./overlaid-histograms";
import { assertAxesNamed } from "./snapshot";

const x = { title: "cosine", unit: "1" };

test("each group's outline has its shares, on shared bins, and undefined values are told", () => {
  const figure = overlaidHistograms({
    title: "two groups",
    x,
    binWidth: 0.5,
    groups: [
      { name: "few", values: [0.1, 0.2, 0.6, Number.NaN] },
      { name: "many", values: [0.7, 0.8, 1.2, 1.3, 1.4, 0.6] },
    ],
    references: [{ at: 0.5, label: "chance" }],
  });
  const [few, many] = figure.data;
  assert.ok(few.type === "scatter" && many.type === "scatter");
  assert.equal(few.name, "few (3; 1 undefined)");
  assert.deepEqual(few.x, [-0.5, 0, 0.5, 1]);
  assert.deepEqual(few.y, [0, 0.666667, 0.333333, 0]);
  assert.deepEqual(
    [many.x, many.y],
    [
      [0, 0.5, 1, 1.5],
      [0, 0.5, 0.5, 0],
    ],
  );
  assert.equal(figure.layout.shapes?.[0].x0, 0.5);
  assertAxesNamed(figure);
});

test("a log x axis is refused", () => {
  assert.throws(
    () => overlaidHistograms({ title: "t", x: { ...x, scale: "log" }, binWidth: 1, groups: [] }),
    /expected a linear x axis/,
  );
});
