import assert from "node:assert/strict";
import { test } from "node:test";
import { measureText, readAdvances } from "./font-metrics";

const regular = readAdvances(require.resolve("@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf"));

test("advance widths are those of the font's own table", () => {
  // Read with fontTools 4 from the same file, in units of 2048 an em.
  const units: Record<string, number> = {
    A: 1413,
    M: 1850,
    g: 1256,
    i: 496,
    l: 496,
    "0": 1292,
    "1": 833,
    " ": 576,
    µ: 1200,
    "₁": 623,
    "−": 1355,
    "‖": 981,
  };
  for (const [sign, width] of Object.entries(units))
    assert.equal(Math.round(2048 * regular(sign.codePointAt(0) ?? 0)), width, sign);
});

test("a line is as wide as its signs, and a sign that the font lacks takes one em", () => {
  assert.equal(measureText("iiW", 20, regular), 20 * (2 * regular(105) + regular(87)));
  assert.equal(measureText("中", 10, regular), 10);
});

test("a file that is no font is refused", () => {
  assert.throws(() => readAdvances(__filename));
});
