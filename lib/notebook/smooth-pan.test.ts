import assert from "node:assert/strict";
import { test } from "node:test";
import { scatterFigure } from "../plot";
import { smoothPanScript } from "./smooth-pan";

const axis = { title: "value", unit: "1" };
const points = (count: number) => {
  const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i));
  return scatterFigure({ title: "t", x: axis, y: axis, xs: values, ys: values });
};

test("only a figure of very many WebGL points brings the script, which is one element", () => {
  assert.equal(smoothPanScript(points(300)), undefined);
  assert.equal(smoothPanScript(points(9_999)), undefined);
  const script = smoothPanScript(points(10_000)) ?? "";
  assert.match(script, /^<script>.*<\/script>$/s);
  assert.equal(script.match(/<\/script/g)?.length, 1);
  assert.doesNotThrow(() => new Function(script.slice("<script>".length, -"</script>".length)));
});
