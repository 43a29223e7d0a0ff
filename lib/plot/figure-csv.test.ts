import assert from "node:assert/strict";
import { test } from "node:test";
import { figureCsv } from "./figure-csv";
import { heatmap } from "./heatmap";
import { lineFigure, smallMultiples } from "./lines";
import { scatterFigure } from "./scatter";

const x = { title: "step", unit: "1" };

test("each trace's points are rows under the axes' titles, commas and quotes in names quoted", () => {
  const figure = lineFigure({
    title: "t",
    x,
    y: { title: "log<sub>10</sub> loss", unit: "nats, per token" },
    series: [
      { name: 'the "post", L1', x: [1, 2], y: [0.5, Number.NaN] },
      { name: "TopK", x: [1], y: [1e-7] },
    ],
  });
  assert.equal(
    figureCsv(figure),
    'trace,step (1),"log10 loss (nats, per token)"\n"the ""post"", L1",1,0.5\n"the ""post"", L1",2,\nTopK,1,1e-7\n',
  );
});

test("colour and identity of points are columns; long packed arrays come back", () => {
  const n = 2500;
  const ys = Float64Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i)));
  const colours = Float64Array.from({ length: n }, (_, i) => (i === 1 ? Number.NaN : i / 4));
  const figure = scatterFigure({
    title: "t",
    x,
    y: { title: "mean", unit: "1" },
    xs: Float64Array.from({ length: n }, (_, i) => i),
    ys,
    colour: { axis: { title: "label entropy", unit: "nats" }, values: colours },
    ids: Float64Array.from({ length: n }, (_, i) => 7 * i),
  });
  const lines = figureCsv(figure).trimEnd().split("\n");
  assert.equal(lines.length, n + 1);
  assert.equal(lines[0], "trace,step (1),mean (1),id,label entropy (nats)");
  assert.match(lines[1], /^label entropy undefined,1,0\.84147\d*,7,$/);
  const rows = lines.slice(2).map((line) => line.split(","));
  for (const [name, at, mean, id, entropy] of rows) {
    const i = Number(at);
    assert.equal(name, "point");
    assert.equal(Math.fround(Number(mean)), ys[i]);
    assert.equal(Number(id), 7 * i);
    assert.equal(Number(entropy), i / 4);
  }
});

test("a heat map is a row a cell, and panels have columns of their own over the shared x", () => {
  const map = heatmap({
    title: "t",
    rows: [
      [1, 2],
      [3, Number.NaN],
    ],
    x: { title: "column", unit: "patch" },
    y: { title: "row", unit: "patch" },
    yLabels: ["top", "bottom"],
    colour: { title: "activation", unit: "1" },
  });
  assert.equal(
    figureCsv(map),
    "trace,column (patch),row (patch),activation (1)\n,0,top,1\n,1,top,2\n,0,bottom,3\n,1,bottom,\n",
  );
  const panels = smallMultiples({
    title: "t",
    x,
    panels: [
      { y: { title: "loss", unit: "1" }, series: [{ name: "mse", x: [0], y: [5] }] },
      { y: { title: "L0", unit: "features" }, series: [{ name: "l0", x: [0], y: [6] }] },
    ],
  });
  assert.equal(figureCsv(panels), "trace,step (1),mse,l0\nmse,0,5,\nl0,0,,6\n");
});
