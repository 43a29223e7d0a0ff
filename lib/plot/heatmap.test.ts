import assert from "node:assert/strict";
import { test } from "node:test";
import { heatmap } from "./heatmap";
import { assertAxesNamed, matchSnapshot } from "./snapshot";

test("a heat map matches its snapshot, first row on top and undefined cells empty", () => {
  const rows = [0, 1, 2].map((i) =>
    [0, 1, 2, 3].map((j) => (i === j ? 1 : i - j === 1 ? Number.NaN : (i - j) / 4)),
  );
  const figure = heatmap({
    title: "Cosines",
    rows,
    x: { title: "feature", unit: "index" },
    y: { title: "neuron", unit: "index" },
    colour: { title: "cosine", unit: "−1 to 1", range: [-1, 1] },
    centre: 0,
  });
  assert.equal(figure.layout.yaxis.autorange, "reversed");
  assertAxesNamed(figure);
  matchSnapshot("heatmap", figure);
});
