/** What values look like, and what the hooks send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect, stripVTControlCharacters } from "node:util";
import sharp from "sharp";
import { createDisplayHook, createTslabModule, showValue } from ".";

const show = async (value: unknown) => (await showValue(value))?.data;
const textOf = async (value: unknown) =>
  stripVTControlCharacters(String((await show(value))?.["text/plain"]));
const display = Symbol.for("Jupyter.display");

/** Of a hook's sink: what these tests do not ask for. */
const noCapture = {
  capture: <T>(_sink: unknown, task: () => T) => task(),
  isCaptured: () => false,
  hold: () => {},
  describe: () => ({ ename: "", evalue: "", traceback: [] }),
};

test("undefined shows nothing; null, numbers and objects show as text", async () => {
  assert.equal(await showValue(undefined), undefined);
  assert.deepEqual(await show(null), { "text/plain": "null" });
  assert.equal(await textOf({ a: [1, new Map([["k", 1]])] }), "{ a: [ 1, Map(1) { 'k' => 1 } ] }");
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
  assert.match(
    String((await show(tensor))?.["text/plain"]),
    /min 1, mean 2, max 3, std 1, 1 NaN, 1 infinite/,
  );
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
  assert.equal(await textOf(Buffer.from("00", "hex")), "<Buffer 00>");
  const webp = (await show(Buffer.from("RIFF....WEBPVP8 ")))?.["image/webp"];
  assert.equal(webp, Buffer.from("RIFF....WEBPVP8 ").toString("base64"));
});

test("sharp's objects and plain pixels show as the picture that they are", async () => {
  const data = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  const raw = { width: 3, height: 2, channels: 3 } as const;
  for (const value of [{ data, width: 3, height: 2, channels: 3 }, sharp(data, { raw })]) {
    const png = Buffer.from(String((await show(value))?.["image/png"]), "base64");
    assert.deepEqual(new Uint8Array(await sharp(png).removeAlpha().raw().toBuffer()), data);
  }
  const grey = { data: new Uint8ClampedArray([0, 255]), width: 2, height: 1 };
  const png = Buffer.from(String((await show(grey))?.["image/png"]), "base64");
  assert.deepEqual([...(await sharp(png).extractChannel(0).raw().toBuffer())], [0, 255]);
  assert.match(await textOf({ data: new Uint8Array(5), width: 2, height: 2 }), /Uint8Array\(5\)/);
});

test("a plain Plotly figure shows as a figure; other data with a layout does not", async () => {
  const figure = { data: [{ type: "bar", y: [1, 2] }, { y: [3] }], layout: { width: 300 } };
  const bundle = await show(figure);
  assert.deepEqual(bundle?.["application/vnd.plotly.v1+json"], figure);
  assert.equal(bundle?.["text/plain"], "figure: bar, scatter");
  assert.deepEqual(Object.keys((await show({ data: [1], layout: {} })) ?? {}), ["text/plain"]);
  assert.deepEqual(Object.keys((await show({ ...figure, name: "x" })) ?? {}), ["text/plain"]);
});

test("objects are coloured; numbers, strings and what an interpreter prints of them are not", async () => {
  assert.equal((await show([1]))?.["text/plain"], "[ \u001b[33m1\u001b[39m ]");
  for (const [value, text] of [
    [7, "7"],
    ["a", "'a'"],
    [9n, "9n"],
    [Symbol("s"), "Symbol(s)"],
  ] as const) {
    assert.equal((await show(value))?.["text/plain"], text);
  }
});

test("long typed arrays show their first values and what they are like", async () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => i);
  values[99] = Number.NaN;
  const text = await textOf(values);
  assert.equal(
    text,
    "Float32Array(100) [ 0, 1, 2, 3, 4, 5, 6, 7, … ]\nmin 0, mean 49, max 98, std 28.577, 1 NaN",
  );
  assert.equal(await textOf(new Int8Array([1, 2])), "Int8Array(2) [ 1, 2 ]");
  assert.equal(
    await textOf(new BigInt64Array(60)),
    "BigInt64Array(60) [ 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, … ]",
  );
});

test("whatever is odd, huge or hostile shows within bounds", async () => {
  const circular: Record<string, unknown> = { big: 2n ** 70n };
  circular.self = circular;
  assert.match(
    await textOf(circular),
    /<ref \*1> \{ big: 1180591620717411303424n, self: \[Circular \*1\] \}/,
  );
  const throwing = {
    get bad() {
      throw new Error("read");
    },
  };
  assert.equal(await textOf(throwing), "{ bad: [Getter] }");
  const trap = () => {
    throw new Error("trap");
  };
  assert.match(await textOf(new Proxy({ a: 1 }, { get: trap, has: trap, ownKeys: trap })), /a: 1/);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.equal(await textOf(proxy), "<Revoked Proxy>");
  const unlucky = {
    a: 1,
    [inspect.custom]: () => {
      throw new Error("inspect");
    },
  };
  assert.match(await textOf(unlucky), /a: 1/);
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i]));
  assert.match(await textOf(wide), /key199: 199,\s+'…': 99800 more properties/);
  const huge = [
    wide,
    "x".repeat(1e6),
    Array.from({ length: 1e6 }, (_, i) => i),
    new Map(Object.entries(wide)),
  ];
  for (const value of [...huge, huge, new Array(1e9)]) assert.ok((await textOf(value)).length < 45_000);
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
