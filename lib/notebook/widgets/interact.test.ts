/** `interact`: which widget a parameter becomes, and runs that are redrawn, superseded and reported. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type CapturedOutput, DISPLAY, installDisplayHook } from "../display";
import { interact } from "./interact";
import type { NotebookOutput } from "./output-list";
import { type Parameter, parameterControl, rangeOf } from "./parameters";

let sink: ((output: CapturedOutput) => void) | undefined;
let restore = () => {};
beforeEach(() => {
  restore = installDisplayHook({
    display: (data, metadata = {}, displayId) =>
      sink?.({ type: "display", shown: { data, metadata }, displayId, update: false }),
    update: (displayId, data, metadata = {}) =>
      sink?.({ type: "display", shown: { data, metadata }, displayId, update: true }),
    clear: (wait = false) => sink?.({ type: "clear", wait }),
    capture: (to, task) => {
      sink = to;
      return task();
    },
    bundle: async (value) => ({ data: { "text/plain": String(value) }, metadata: {} }),
    describe: (error) => ({ ename: "Error", evalue: String(error), traceback: [] }),
  });
});
afterEach(() => restore());

const kindOf = (parameter: Parameter) => {
  const control = parameterControl("p", parameter) as unknown as Record<string, unknown> & {
    kind: { name: string };
  };
  const { kind, min, max, step, value, options } = control;
  return {
    kind: kind.name,
    ...(min === undefined ? {} : { min, max, step }),
    value,
    ...(options ? { options } : {}),
  };
};

test("two numbers are a range, three are one only if the last can be its step; an ascending list is options", () => {
  assert.deepEqual(kindOf([0, 10]), { kind: "IntSlider", min: 0, max: 10, step: 1, value: 5 });
  assert.deepEqual(kindOf([0, 10, 5]), { kind: "IntSlider", min: 0, max: 10, step: 5, value: 5 });
  assert.deepEqual(kindOf([0, 1]), { kind: "IntSlider", min: 0, max: 1, step: 1, value: 0 });
  assert.deepEqual(kindOf([0, 0.5]), { kind: "FloatSlider", min: 0, max: 0.5, step: 0.01, value: 0.25 });
  assert.deepEqual(kindOf([0.1, 1, 0.3]), { kind: "FloatSlider", min: 0.1, max: 1, step: 0.3, value: 0.7 });
  assert.deepEqual(kindOf([4, 16, 64]), { kind: "SelectionSlider", value: 4, options: [4, 16, 64] });
  assert.deepEqual(kindOf([64, 4]), { kind: "Dropdown", value: 64, options: [64, 4] });
  assert.deepEqual(kindOf(["a", "b"]), { kind: "Dropdown", value: "a", options: ["a", "b"] });
  for (const options of [[1], [1, 1], [1, 2, 3], [-8, 2, 4], [1, 5, 0], [1, 5, -1], [1, 2, 3, 4]])
    assert.equal(rangeOf(options), undefined, String(options));
});

test("a range of more than two decades is logarithmic, its ends exact and its start in their middle", () => {
  const { min, max, value, ...rest } = kindOf([1e-5, 1e-2]);
  assert.deepEqual([min, max, rest.kind], [-5, -2, "FloatLogSlider"]);
  assert.ok(Math.abs(Number(value) - Math.sqrt(1e-5 * 1e-2)) < 1e-14);
  assert.equal(kindOf({ min: 0.01, max: 1 }).kind, "FloatSlider");
  assert.equal(kindOf({ min: 1, max: 10, log: true, value: 2 }).value, 2);
  assert.equal(kindOf([1, 100_000]).kind, "IntSlider");
  assert.throws(() => kindOf({ min: 0, max: 1, log: true }), /expected min > 0 for p/);
});

test("other values become a checkbox, a text, a number field, a list of anything, and a widget itself", () => {
  assert.deepEqual(kindOf(true), { kind: "Checkbox", value: true });
  assert.deepEqual(kindOf("x"), { kind: "Text", value: "x" });
  assert.deepEqual(kindOf(3), { kind: "IntText", value: 3 });
  assert.equal(kindOf(2.5).kind, "FloatText");
  assert.deepEqual(kindOf({ options: { one: 1, two: 2 }, value: 2 }), {
    kind: "Dropdown",
    value: 2,
    options: [1, 2],
  });
  const own = parameterControl("p", 3);
  assert.equal(parameterControl("q", own as never), own);
  assert.throws(() => parameterControl("p", null as never), /interact: expected a range, options/);
});

/** What the output widget shows, as texts. */
const shown = (outputs: readonly NotebookOutput[]) =>
  outputs.map((output) =>
    output.output_type === "display_data"
      ? output.data["text/plain"]
      : output.output_type === "error"
        ? output.evalue
        : output.text,
  );

test("the function runs at once and with each change; what it shows and returns replaces what was there", async () => {
  const demo = interact({ k: [0, 10], name: "n" }, ({ k, name }) => {
    sink?.({ type: "stream", name: "stdout", text: `${name} ` });
    return k * 2;
  });
  await demo.run();
  assert.deepEqual(shown(demo.output.outputs), ["n ", "10"]);
  demo.controls.k.value = 4;
  await demo.run();
  assert.deepEqual(shown(demo.output.outputs), ["n ", "8"]);
  assert.deepEqual(demo.values, { k: 4, name: "n" });
  const bundle = await demo[DISPLAY]();
  assert.deepEqual(bundle, { "text/plain": 'interact(k=4, name="n")' });
});

test("one run at a time: newer values abort it, are gathered, and what it threw because of that is not shown", async () => {
  const began: number[] = [];
  const aborted: number[] = [];
  const demo = interact({ k: [0, 10] }, async ({ k }, signal) => {
    began.push(k);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (signal.aborted) aborted.push(k);
    signal.throwIfAborted();
    return `done ${k}`;
  });
  for (const k of [1, 2, 3]) demo.controls.k.value = k;
  await demo.run();
  assert.deepEqual([began, aborted], [[5, 3], [5]]);
  assert.deepEqual(shown(demo.output.outputs), ["done 3"]);
});

test("an error of the function is shown in its place, and the next change runs it again", async () => {
  const demo = interact({ k: [0, 10] }, ({ k }) => {
    if (k === 5) throw new Error("five");
    return k;
  });
  await demo.run();
  assert.deepEqual(shown(demo.output.outputs), ["Error: five"]);
  demo.controls.k.value = 6;
  await demo.run();
  assert.deepEqual(shown(demo.output.outputs), ["6"]);
});

test("with `manual` the function waits for its button; disposing of the widgets aborts a run", async () => {
  const began: number[] = [];
  let signalled = false;
  const demo = interact(
    { k: [0, 10] },
    async ({ k }, signal) => {
      began.push(k);
      signal.addEventListener("abort", () => {
        signalled = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    { manual: "Train" },
  );
  demo.controls.k.value = 7;
  assert.deepEqual(began, []);
  const work = demo.run();
  assert.deepEqual(began, [7]);
  demo.dispose();
  await work;
  assert.equal(signalled, true);
  assert.ok(Object.values(demo.controls).every(({ isDisposed }) => isDisposed));
});
