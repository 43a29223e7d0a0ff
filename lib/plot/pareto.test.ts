import { test } from "node:test";
import { paretoFigure } from "./pareto";
import { assertAxesNamed, matchSnapshot } from "./snapshot";

test("a sweep's points and front match their snapshot", () => {
  const topk = [8, 16, 32, 64].map((l0) => ({ l0, fvu: 1.2 / l0 }));
  const standard = [12, 40, 90].map((l0) => ({ l0, fvu: 4 / l0 }));
  const figure = paretoFigure({
    title: "Two architectures",
    groups: [
      { name: "topk", points: topk },
      { name: "standard", points: standard },
    ],
    front: topk,
  });
  assertAxesNamed(figure);
  matchSnapshot("pareto", figure);
});
