import assert from "node:assert/strict";
import { test } from "node:test";
import { DISPLAY } from "./display";
import { inlineFrame } from "./inline-frame";
import { installCommHook, type Json } from "./widgets/comms";
import { WIDGET_MIME } from "./widgets/widget";

const options = { url: 'http://127.0.0.1:1/secret/"', title: "a <page>", otherwise: "Run <this> cell" };
const sentence = { "text/html": "<p>Run &lt;this&gt; cell</p>", "text/plain": "Run <this> cell" };

test("with a kernel the page gets a frame through a widget's state, and the output itself has the sentence alone", async (t) => {
  const opened: Json[] = [];
  const silent = { send: () => {}, close: () => {}, onMessage: () => {}, onClose: () => {} };
  const restore = installCommHook({
    open: (target, data, { id = "" } = {}) => {
      opened.push(data);
      return { ...silent, id, target };
    },
    register: () => {},
  });
  t.after(restore);
  const shown = inlineFrame(options);
  const { [WIDGET_MIME]: view, ...rest } = await shown[DISPLAY]();
  assert.ok(view);
  assert.deepEqual(rest, sentence);
  const values = opened.map(({ state }) => (state as Json).value).filter((value) => value !== undefined);
  const style = "width:100%;height:720px;border:0";
  assert.deepEqual(values, [
    `<iframe src="http://127.0.0.1:1/secret/&quot;" title="a &lt;page&gt;" style="${style}"></iframe>`,
  ]);
  // Shown once more it is the same widget.
  const before = opened.length;
  assert.deepEqual((await shown[DISPLAY]())[WIDGET_MIME], view);
  assert.equal(opened.length, before);
});

test("without a kernel or without an address there is the sentence", async () => {
  assert.deepEqual(await inlineFrame(options)[DISPLAY](), sentence);
  assert.deepEqual(await inlineFrame({ otherwise: options.otherwise })[DISPLAY](), sentence);
});
