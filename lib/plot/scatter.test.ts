import assert from "node:assert/strict";
import { test } from "node:test";
import { unpackNumbers } from "./figure";
import { featureClusters, scatterFigure } from "./scatter";
import { assertAxesNamed, matchSnapshot } from "./snapshot";

/** Points on a spiral. */
function spiral(count: number): { x: Float64Array; y: Float64Array; angle: Float64Array } {
  const angle = Float64Array.from({ length: count }, (_, i) => (20 * i) / count);
  return { angle, x: angle.map((a) => a * Math.cos(a)), y: angle.map((a) => a * Math.sin(a)) };
}

const axes = { x: { title: "x", unit: "m" }, y: { title: "y", unit: "m" } };

test("a scatter matches its snapshot; points without a colour are grey, without a place left out, both said", () => {
  const { x, y, angle } = spiral(200);
  x[3] = Number.NEGATIVE_INFINITY;
  const figure = scatterFigure({
    title: "Spiral",
    ...axes,
    xs: x,
    ys: y,
    colour: {
      axis: { title: "angle", unit: "rad" },
      values: angle.map((a, i) => (i % 20 === 5 ? Number.NaN : a)),
    },
    what: "feature",
  });
  assert.deepEqual(
    figure.data.map((trace) => (trace.type === "scatter" ? unpackNumbers(trace.x).length : -1)),
    [10, 189],
  );
  assert.match(
    figure.layout.title?.subtitle?.text ?? "",
    /1 of 200 features undefined.*grey: angle undefined \(10\)/,
  );
  assertAxesNamed(figure);
  matchSnapshot("scatter", figure);
});

test("many points go to WebGL and keep their identity for the hover text", () => {
  const { x, y } = spiral(5000);
  const ids = Uint32Array.from(x, (_, i) => 7 * i);
  const [trace] = scatterFigure({ title: "t", ...axes, xs: x, ys: y, ids }).data;
  assert.equal(trace.type, "scattergl");
  assert.equal(unpackNumbers(trace.customdata ?? [])[4999], 7 * 4999);
});

test("arrays of different lengths are refused", () => {
  assert.throws(
    () => scatterFigure({ title: "t", ...axes, xs: [1], ys: [1, 2] }),
    /one length, got xs 1, ys 2/,
  );
});

test("the cluster picture matches its snapshot, and its marginals count exactly the points that are drawn", () => {
  const { x, y, angle } = spiral(2000);
  const figure = featureClusters({
    log10Sparsity: x.map((v, i) => (i % 50 === 0 ? Number.NEGATIVE_INFINITY : v / 10 - 3)),
    log10MeanActivation: y.map((v) => v / 20 - 1),
    labelEntropy: angle.map((a, i) => (i % 9 === 1 ? Number.NaN : a / 5)),
  });
  const bars = figure.data.filter((trace) => trace.type === "bar");
  const total = (values: unknown) =>
    unpackNumbers(values as Parameters<typeof unpackNumbers>[0]).reduce((a, b) => a + b);
  assert.equal(total(bars[0].y), 1960);
  assert.equal(total(bars[1].x), 1960);
  assertAxesNamed(figure);
  matchSnapshot("clusters", figure);
});
