/** What values look like, and what the hooks send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDisplayHook, createTslabModule, showValue } from ".";

const show = async (value: unknown) => (await showValue(value))?.data;
const display = Symbol.for("Jupyter.display");

/** Of a hook's sink: what these tests do not ask for. */
const noCapture = {
  capture: <T>(_sink: unknown, task: () => T) => task(),
  isCaptured: () => false,
  describe: () => ({ ename: "", evalue: "", traceback: [] }),
};

test("undefined shows nothing; null, numbers and objects show as text", async () => {
  assert.equal(await showValue(undefined), undefined);
  assert.deepEqual(await show(null), { "text/plain": "null" });
  assert.deepEqual(await show({ a: [1, new Map([["k", 1]])] }), {
    "text/plain": "{ a: [ 1, Map(1) { 'k' => 1 } ] }",
  });
});

test("a display method's bundle is shown as JSON would carry it, with bytes in base64", async () => {
  const value = {
    [display]: async () => ({ "image/png": new Uint8Array([1, 2]), "text/plain": "x", f: { a: undefined } }),
  };
  assert.deepEqual(await show(value), { "image/png": "AQI=", "text/plain": "x", f: {} });
});

test("a display method may show nothing, and must not return a text", async () => {
  assert.equal(await show({ [display]: () => ({}) }), undefined);
  await assert.rejects(() => showValue({ [display]: () => "html" }), /expected a record of MIME types/);
});

test("a tensor shows its shape, first values and statistics, and is not disposed", async () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => i);
  const tensor = {
    dtype: "float32",
    shape: [10, 10],
    size: 100,
    isDisposed: false,
    dataId: {},
    dataSync: () => values,
  };
  assert.deepEqual(await show(tensor), {
    "text/plain": "Tensor float32 [10, 10]: 0, 1, 2, 3, 4, 5, 6, 7, …\nmin 0, mean 49.5, max 99, std 28.866",
  });
  assert.deepEqual(await show({ ...tensor, isDisposed: true }), {
    "text/plain": "Tensor float32 [10, 10] (disposed)",
  });
});

test("values that are not finite are counted and left out of the statistics", async () => {
  const values = Float32Array.from([1, 3, Number.NaN, Number.POSITIVE_INFINITY]);
  const tensor = {
    dtype: "float32",
    shape: [4],
    size: 4,
    isDisposed: false,
    dataId: {},
    dataSync: () => values,
  };
  assert.match(String((await show(tensor))?.["text/plain"]), /min 1, mean 2, max 3, std 1, 2 not finite/);
});

test("a data frame shows as an HTML table with escaped text", async () => {
  const frame = {
    $columns: ["name", "n"],
    columns: ["name", "n"],
    index: [0, 1],
    values: [
      ["<b>", 1.23456789],
      ["y", 2],
    ],
    shape: [2, 2],
    toString: () => "table",
  };
  const bundle = await show(frame);
  assert.equal(bundle?.["text/plain"], "table");
  assert.match(String(bundle?.["text/html"]), /<tr><th>0<\/th><td>&lt;b&gt;<\/td><td>1.23457<\/td><\/tr>/);
});

test("encoded pictures show as pictures and other bytes as text", async () => {
  assert.equal((await show(Buffer.from("ffd8ffe0", "hex")))?.["image/jpeg"], "/9j/4A==");
  assert.match(String((await show(Buffer.from("00", "hex")))?.["text/plain"]), /<Buffer 00>/);
});

test("the hook copies a bundle at the call, so that later changes do not reach it", () => {
  const sent: unknown[] = [];
  const hook = createDisplayHook({
    ...noCapture,
    display: (...call) => sent.push(call),
    clear: (wait) => sent.push(wait),
  });
  const figure = { x: [1] };
  hook.display({ "application/json": figure }, undefined, "id");
  figure.x.push(2);
  hook.update("id", { "application/json": figure }, { m: 1 });
  hook.clear();
  assert.deepEqual(sent, [
    [{ data: { "application/json": { x: [1] } }, metadata: {} }, "id", false],
    [{ data: { "application/json": { x: [1, 2] } }, metadata: { m: 1 } }, "id", true],
    false,
  ]);
});

test("tslab's displays: each call is its own output, a new display replaces itself", () => {
  const sent: [unknown, string | undefined, boolean][] = [];
  const hook = createDisplayHook({ ...noCapture, display: (...call) => sent.push(call), clear: () => {} });
  const tslab = createTslabModule(hook, {});
  tslab.display.html("<i>a</i>");
  const own = tslab.newDisplay();
  own.text("1");
  own.png(new Uint8Array([1, 2]));
  const [plain, first, second] = sent;
  assert.deepEqual(plain, [{ data: { "text/html": "<i>a</i>" }, metadata: {} }, undefined, false]);
  assert.deepEqual([first[2], second[2], first[1] === second[1]], [false, true, true]);
  assert.deepEqual(second[0], { data: { "image/png": "AQI=" }, metadata: {} });
});
