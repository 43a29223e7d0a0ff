import assert from "node:assert/strict";
import { test } from "node:test";
import { barFigure } from "./bars";
import { assertAxesNamed, matchSnapshot } from "./snapshot";

test("grouped bars match their snapshot and a missing value is refused", () => {
  const options = {
    title: "Accuracy by style",
    category: { title: "style", unit: "icon set" },
    categories: ["noto", "twemoji", "openmoji"],
    value: { title: "accuracy", unit: "share of pictures", tickFormat: ".0%" },
    groups: { "top-1": [0.5, 0.6, 0.3], "top-5": [0.8, 0.85, 0.5] },
  };
  assertAxesNamed(barFigure(options));
  matchSnapshot("bars", barFigure(options));
  matchSnapshot("bars-horizontal", barFigure({ ...options, horizontal: true }));
  assert.throws(() => barFigure({ ...options, groups: { a: [1] } }), /expected 3 values in "a", got 1/);
});
