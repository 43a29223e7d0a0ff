import assert from "node:assert/strict";
import { test } from "node:test";
import { parseColour, Raster } from "./raster";

test("discs are round, soft at the edge, and blend by their opacity", () => {
  const raster = new Raster(9, 9);
  raster.disc(4.5, 4.5, 3, [200, 100, 50, 0.5]);
  const at = (x: number, y: number) => [...raster.data.subarray(4 * (9 * y + x), 4 * (9 * y + x) + 4)];
  assert.deepEqual(at(4, 4), [200, 100, 50, 128]);
  assert.deepEqual(at(0, 0), [0, 0, 0, 0]);
  assert.deepEqual([at(4, 1)[3], at(1, 4)[3]], [64, 64]);
  raster.disc(4.5, 4.5, 3, [200, 100, 50, 0.5]);
  assert.deepEqual(at(4, 4), [200, 100, 50, 192]);
});

test("colours are read in the notations of figures and others are refused", () => {
  assert.deepEqual(["#fff", "#46327e", "rgba(1, 2, 3, 0.5)"].map(parseColour), [
    [255, 255, 255, 1],
    [70, 50, 126, 1],
    [1, 2, 3, 0.5],
  ]);
  assert.throws(() => parseColour("rebeccapurple"), /expected #rrggbb/);
});
