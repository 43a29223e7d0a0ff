import assert from "node:assert/strict";
import { test } from "node:test";
import {
  barFigure,
  heatmap,
  lineFigure,
  overlaidHistograms,
  type PlotlyFigure,
  scatterFigure,
  setTheme,
  withTheme,
} from ".";
import { SURFACES } from "./figure-theme";

const axis = { title: "value", unit: "1" };
const make = (): PlotlyFigure =>
  lineFigure({ title: "t", x: axis, y: axis, series: [{ name: "a", x: [1, 2], y: [3, 4] }] });

/** WCAG 2's contrast of two opaque colours, 1 to 21. */
function contrast(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => {
    const full = text.length === 4 ? text.replace(/[0-9a-f]/g, "$&$&") : text;
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const share = Number.parseInt(full.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

test("text has a contrast of 7:1 or more on its own background, and 4:1 on either where the page decides", () => {
  for (const theme of ["light", "dark"] as const) {
    assert.ok(contrast(SURFACES[theme].text, SURFACES[theme].paper) >= 7, theme);
    assert.ok(contrast(SURFACES.auto.text, SURFACES[theme].paper) >= 4, `auto on ${theme}`);
  }
});

test("one call sets the theme of all figures that follow, and none that were made before", () => {
  const before = make();
  try {
    setTheme("dark");
    const figure = make();
    assert.deepEqual(figure, withTheme(before, "dark"));
    assert.equal(figure.layout.paper_bgcolor, SURFACES.dark.paper);
    assert.equal(figure.layout.font.color, SURFACES.dark.text);
    assert.equal(figure.layout.xaxis.linecolor, SURFACES.dark.line);
    assert.equal(figure.layout.yaxis.gridcolor, SURFACES.dark.grid);
  } finally {
    setTheme("auto");
  }
  assert.equal(before.layout.font.color, SURFACES.auto.text);
  assert.deepEqual(make(), before);
  assert.deepEqual(withTheme(withTheme(before, "dark"), "auto"), before);
});

test("an unknown theme is refused and changes nothing", () => {
  assert.throws(
    () => setTheme("sepia" as "dark"),
    /setTheme: expected a theme \(auto, light, dark\), got "sepia"/,
  );
  assert.deepEqual(make().layout.paper_bgcolor, SURFACES.auto.paper);
});

test("no kind of figure sets a text colour of its own that a theme could not change", () => {
  const figures = [
    make(),
    scatterFigure({ title: "t", x: axis, y: axis, xs: [1, 2], ys: [3, 4] }),
    overlaidHistograms({ title: "t", x: axis, binWidth: 1, groups: [{ name: "a", values: [1, 2, 3] }] }),
    heatmap({ title: "t", rows: [[1, 2]], x: axis, y: axis, colour: axis }),
    barFigure({ title: "t", category: axis, categories: ["a", "b"], value: axis, groups: { s: [1, 2] } }),
  ];
  for (const { layout } of figures.map((figure) => withTheme(figure, "dark"))) {
    const { font, ...rest } = layout;
    assert.equal(font.color, SURFACES.dark.text);
    assert.ok(!/"font":\{[^}]*"color"/.test(JSON.stringify(rest)));
  }
});
