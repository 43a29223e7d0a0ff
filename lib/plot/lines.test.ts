import assert from "node:assert/strict";
import { test } from "node:test";
import { lineFigure, smallMultiples } from "./lines";
import { assertAxesNamed, matchSnapshot } from "./snapshot";
import { learningCurve, trainingCurves } from "./training";

const steps = Array.from({ length: 60 }, (_, i) => 10 * i);

test("lines over log axes match their snapshot", () => {
  const figure = lineFigure({
    title: "Unexplained variance by L0",
    x: { title: "L0", unit: "active features per token", scale: "log" },
    y: { title: "fraction of variance unexplained", unit: "share", scale: "log" },
    series: [
      { name: "TopK", x: [8, 16, 32, 64, 128], y: [0.4, 0.25, 0.13, 0.07, 0.03] },
      { name: "PCA", x: [8, 16, 32, 64, 128], y: [0.7, 0.6, 0.5, 0.4, 0.3], dash: "dash" },
    ],
  });
  assertAxesNamed(figure);
  matchSnapshot("lines", figure);
});

test("a curve with fewer y than x values is refused by name", () => {
  const axis = { title: "loss", unit: "nats" };
  assert.throws(
    () => lineFigure({ title: "t", x: axis, y: axis, series: [{ name: "mse", x: [1, 2], y: [1] }] }),
    /in "mse", got 2 and 1/,
  );
});

test("training curves match their snapshot and zoom together", () => {
  const figure = trainingCurves({
    subtitle: "1,536 features, batch 1,024",
    steps,
    terms: {
      mse: steps.map((s) => 2 * Math.exp(-s / 100) + 0.05),
      ghost: steps.map((s) => 0.05 * Math.exp(-s / 50) + 1e-4),
    },
    l0: steps.map((s) => 300 * Math.exp(-s / 90) + 22),
    dead: steps.map((s) => Math.round(s / 9)),
    shares: { "explained variance": steps.map((s) => 1 - Math.exp(-s / 60)) },
  });
  assertAxesNamed(figure);
  for (const panel of [2, 3, 4]) assert.equal(figure.layout[`xaxis${panel}`].matches, "x");
  matchSnapshot("training", figure);
});

test("the learning curve matches its snapshot and says the final accuracy", () => {
  const figure = learningCurve({
    loss: { steps, values: steps.map((s) => 5 * Math.exp(-s / 150) + 0.5) },
    heldOut: { steps: [0, 200, 400, 590], top1: [0.001, 0.2, 0.4, 0.512], top5: [0.005, 0.5, 0.7, 0.81] },
  });
  assert.match(figure.layout.title?.subtitle?.text ?? "", /top-1 51\.2%, top-5 81%/);
  assertAxesNamed(figure);
  matchSnapshot("learning", figure);
});

test("panels in two columns do not overlap and lie in reading order", () => {
  const panel = (title: string) => ({ y: { title, unit: "u" }, series: [{ name: title, x: [1], y: [1] }] });
  const { layout } = smallMultiples({
    title: "t",
    x: { title: "step", unit: "batches" },
    panels: ["a", "b", "c"].map(panel),
    columns: 2,
  });
  const [a, b, c] = ["", "2", "3"].map((n) => ({
    x: layout[`xaxis${n}`].domain,
    y: layout[`yaxis${n}`].domain,
  }));
  assert.ok(a.x && b.x && a.y && c.y);
  assert.ok(a.x[1] < b.x[0]);
  assert.ok(c.y[1] < a.y[0]);
  assert.deepEqual(a.x, c.x);
});
