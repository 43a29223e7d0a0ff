/** Widgets against a page that is a record of messages: the protocol, both ways, and ipywidgets' own states. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { DISPLAY } from "../display";
import {
  type Comm,
  type CommExtras,
  type CommHandler,
  type CommMessage,
  installCommHook,
  type Json,
} from "./comms";
import * as widgets from "./index";
import type { Model } from "./model";

interface Sent extends CommExtras {
  id: string;
  action: "open" | "message" | "close";
  data: Json;
}

let sent: Sent[] = [];
const handlers = new Map<string, { message?: CommHandler; close?: CommHandler }>();
const targets = new Map<string, (comm: Comm, message: CommMessage) => unknown>();
let restore = () => {};

function commOf(id: string, target: string): Comm {
  const own: { message?: CommHandler; close?: CommHandler } = {};
  handlers.set(id, own);
  return {
    id,
    target,
    send: (data, extras = {}) => void sent.push({ id, action: "message", data, ...extras }),
    close: (data = {}) => void sent.push({ id, action: "close", data }),
    onMessage: (handler) => {
      own.message = handler;
    },
    onClose: (handler) => {
      own.close = handler;
    },
  };
}

beforeEach(() => {
  sent = [];
  restore = installCommHook({
    open: (target, data, { id = "", ...extras } = {}) => {
      sent.push({ id, action: "open", data, ...extras });
      return commOf(id, target);
    },
    register: (target, opened) => void targets.set(target, opened),
  });
});
afterEach(() => restore());

/** The page sends a message; what the handler returns or throws is the kernel's to deal with. */
function fromPage(
  { id }: { id: string },
  data: Json,
  buffers: Uint8Array[] = [],
  signal = new AbortController().signal,
) {
  const message = { data, metadata: {}, buffers, signal };
  return { message, result: handlers.get(id)?.message?.(message) };
}

const update = (state: Json) => ({ method: "update", state, buffer_paths: [] });
const messagesOf = ({ id }: { id: string }) =>
  sent.filter((m) => m.id === id && m.action === "message").map((m) => m.data);
/** What the kernel told the page about values, beside echoes. */
const updatesOf = (widget: { id: string }) =>
  messagesOf(widget)
    .filter(({ method }) => method === "update")
    .map(({ state }) => state);

const states = JSON.parse(readFileSync(path.join(__dirname, "fixtures", "states.json"), "utf8")) as Record<
  string,
  Json
>;
const choices = { options: ["a", "b"] };
const made: Record<string, () => Model> = {
  IntSlider: widgets.intSlider,
  FloatSlider: widgets.floatSlider,
  FloatLogSlider: widgets.floatLogSlider,
  IntRangeSlider: widgets.intRangeSlider,
  FloatRangeSlider: widgets.floatRangeSlider,
  SelectionSlider: () => widgets.selectionSlider(choices) as unknown as Model,
  Dropdown: () => widgets.dropdown(choices) as unknown as Model,
  ToggleButtons: () => widgets.toggleButtons(choices) as unknown as Model,
  RadioButtons: () => widgets.radioButtons(choices) as unknown as Model,
  Checkbox: widgets.checkbox,
  ToggleButton: widgets.toggleButton,
  Text: widgets.textField,
  Textarea: widgets.textarea,
  IntText: widgets.intText,
  FloatText: widgets.floatText,
  BoundedIntText: widgets.boundedIntText,
  BoundedFloatText: widgets.boundedFloatText,
  Button: widgets.button,
  Label: widgets.label,
  HTML: widgets.html,
  Image: widgets.picture,
  IntProgress: widgets.intProgress,
  FloatProgress: widgets.floatProgress,
  Output: widgets.output,
  HBox: () => widgets.hbox([]),
  VBox: () => widgets.vbox([]),
  GridBox: () => widgets.gridBox([]),
  Accordion: () => widgets.accordion([]),
  Tab: () => widgets.tab([]),
  Layout: () => widgets.label().layout,
} as Record<string, () => Model>;

/** State on the wire; without what the page has its own first values for and nothing here sets. */
function wireOf(model: Model): Json {
  const { layout: _layout, style: _style, ...state } = model.packedState().state;
  return state;
}

for (const [name, expected] of Object.entries(states)) {
  const [kind, part] = name.split(".");
  test(`${name} starts with ipywidgets' values under ipywidgets' names`, () => {
    const widget = made[kind]() as Model & { style?: Model };
    const state = wireOf(part === "style" && widget.style ? widget.style : widget);
    for (const [key, value] of Object.entries(state)) assert.deepEqual(value, expected[key], key);
    // The page sets these by itself, and they are of no use from here.
    const own = ["_dom_classes", "_view_count", "tabbable", "msg_id", ...(kind === "Image" ? ["value"] : [])];
    const missing = Object.keys(expected).filter((key) => !(key in state) && !own.includes(key));
    assert.deepEqual(missing, []);
  });
}

test("a value set here goes to the page once, a value set in the page is echoed and not sent back", () => {
  const slider = widgets.intSlider({ max: 10 });
  const told: [number, number][] = [];
  slider.onChange((value, former) => told.push([value, former]));
  slider.value = 4;
  slider.value = 4;
  assert.deepEqual(messagesOf(slider), [update({ value: 4 })]);
  const { message } = fromPage(slider, update({ value: 7 }));
  assert.equal(slider.value, 7);
  const echo = sent[sent.length - 1];
  assert.deepEqual(echo.data, { ...update({ value: 7 }), method: "echo_update" });
  assert.equal(echo.answering, message);
  assert.deepEqual(told, [
    [4, 0],
    [7, 4],
  ]);
});

test("without echoes the page hears nothing of its own change", () => {
  process.env.JUPYTER_WIDGETS_ECHO = "0";
  try {
    const box = widgets.checkbox();
    fromPage(box, update({ value: true }));
    assert.deepEqual([box.value, messagesOf(box)], [true, []]);
  } finally {
    delete process.env.JUPYTER_WIDGETS_ECHO;
  }
});

test("a value beyond its bounds moves to them, and the page is told; a wrong type is refused and the page set right", () => {
  const slider = widgets.floatSlider({ min: 0, max: 1 });
  fromPage(slider, update({ value: 3 }));
  assert.deepEqual([slider.value, updatesOf(slider)], [1, [{ value: 1 }]]);
  assert.throws(
    () => fromPage(slider, update({ value: "much" })),
    /FloatSlider.value: expected a finite number, got "much"/,
  );
  assert.deepEqual(updatesOf(slider), [{ value: 1 }, { value: 1 }]);
  assert.throws(() => {
    slider.value = Number.NaN;
  }, /expected a finite number/);
  assert.throws(() => widgets.intSlider({ min: 3, max: 2 }), /expected min <= max/);
  slider.max = 0.5;
  assert.equal(slider.value, 0.5);
});

test("what is not the page's to change is left alone", () => {
  const box = widgets.hbox([widgets.label()]);
  fromPage(box, update({ children: [], nonsense: 1, box_style: "info" }));
  assert.equal(box.children.length, 1);
  assert.equal(box.boxStyle, "info");
});

test("pictures travel as binary buffers in both directions", () => {
  const picture = widgets.picture({ value: new Uint8Array([1, 2]) });
  const [opened] = sent.filter(({ id }) => id === picture.id);
  assert.deepEqual(opened.data.buffer_paths, [["value"]]);
  assert.deepEqual(opened.buffers, [new Uint8Array([1, 2])]);
  assert.equal("value" in (opened.data.state as Json), false);
  fromPage(picture, { method: "update", state: {}, buffer_paths: [["value"]] }, [new Uint8Array([3])]);
  assert.deepEqual(picture.value, new Uint8Array([3]));
});

test("a page that is opened anew gets the state of every widget that is alive, buffers by their paths", () => {
  const gone = widgets.label();
  gone.dispose();
  const picture = widgets.picture({ value: new Uint8Array([5]), layout: { width: "10px" } });
  const opened = { data: {}, metadata: {}, buffers: [], signal: new AbortController().signal };
  targets.get("jupyter.widget.control")?.(commOf("control", "jupyter.widget.control"), opened);
  fromPage({ id: "control" }, { method: "request_states" });
  const [{ data, buffers = [] }] = sent.filter(({ id }) => id === "control");
  const all = data.states as Record<string, { model_name: string; state: Json }>;
  assert.equal(gone.id in all, false);
  assert.equal(all[picture.id].model_name, "ImageModel");
  assert.equal(all[picture.id].state.layout, `IPY_MODEL_${picture.layout.id}`);
  assert.equal(all[picture.layout.id].state.width, "10px");
  const at = (data.buffer_paths as unknown[][]).findIndex(([id]) => id === picture.id);
  assert.deepEqual((data.buffer_paths as unknown[][])[at], [picture.id, "state", "value"]);
  assert.deepEqual(buffers[at], new Uint8Array([5]));
  fromPage(picture, { method: "request_state" });
  assert.equal((updatesOf(picture)[0] as Json)._model_name, "ImageModel");
});

test("while a handler is busy the changes are gathered to the last one", async () => {
  const slider = widgets.intSlider();
  const seen: number[] = [];
  let release = () => {};
  slider.onChange(async (value) => {
    seen.push(value);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const { result } = fromPage(slider, update({ value: 1 }));
  for (const value of [2, 3, 4]) fromPage(slider, update({ value }));
  assert.deepEqual(seen, [1]);
  release();
  await new Promise(setImmediate);
  assert.deepEqual(seen, [1, 4]);
  release();
  await result;
  const interrupted = new AbortController();
  fromPage(slider, update({ value: 5 }), [], interrupted.signal);
  interrupted.abort();
  fromPage(slider, update({ value: 6 }));
  assert.deepEqual(seen, [1, 4, 5, 6]);
});

test("an error of one handler reaches the kernel and keeps no other from being called", async () => {
  const slider = widgets.intSlider();
  const seen: string[] = [];
  slider.onChange(() => {
    throw new Error("first");
  });
  slider.onChange(() => seen.push("second"));
  assert.throws(() => fromPage(slider, update({ value: 1 })), /first/);
  assert.deepEqual(seen, ["second"]);
  const text = widgets.textField();
  text.onChange(async () => Promise.reject(new Error("later")));
  await assert.rejects(async () => fromPage(text, update({ value: "x" })).result, /later/);
});

test("a selection's value is the option itself", () => {
  const small = { name: "small" };
  const large = { name: "large" };
  const pick = widgets.dropdown({ options: { S: small, L: large }, value: large });
  const seen: unknown[] = [];
  pick.onChange((value, former) => seen.push([value, former]));
  assert.equal(pick.value, large);
  fromPage(pick, update({ index: 0 }));
  assert.equal(pick.value, small);
  assert.deepEqual(seen, [[small, large]]);
  assert.throws(() => fromPage(pick, update({ index: 2 })), /expected 0 … 1, got 2/);
  assert.throws(() => {
    pick.value = { name: "small" };
  }, /expected one of S, L/);
  pick.options = { M: { name: "medium" }, S: small };
  assert.deepEqual([pick.value, pick.index], [small, 1]);
});

test("buttons call their handlers, linked widgets keep their values equal, both until that is ended", () => {
  const press = widgets.button();
  let presses = 0;
  const end = press.onClick(() => presses++);
  fromPage(press, { method: "custom", content: { event: "click" } });
  end();
  fromPage(press, { method: "custom", content: { event: "click" } });
  assert.equal(presses, 1);
  const [slider, field] = [widgets.intSlider({ value: 3 }), widgets.intText()];
  const unlink = widgets.link(slider, field);
  assert.equal(field.value, 3);
  fromPage(field, update({ value: 8 }));
  assert.equal(slider.value, 8);
  unlink();
  slider.value = 1;
  assert.equal(field.value, 8);
});

test("a widget shows its view to JupyterLab and a line of text elsewhere; disposed of, it is closed in the page", () => {
  const slider = widgets.intSlider({ value: 3, description: "k", style: { handleColor: "red" } });
  assert.deepEqual(slider[DISPLAY](), {
    "application/vnd.jupyter.widget-view+json": { version_major: 2, version_minor: 0, model_id: slider.id },
    "text/plain": 'IntSlider(value=3, description="k")',
  });
  const style = slider.style.id;
  slider.dispose();
  assert.deepEqual(
    sent.filter(({ action }) => action === "close").map(({ id }) => id),
    [style, slider.id],
  );
  restore();
  const alone = widgets.intSlider({ value: 2 });
  alone.value = 5;
  assert.deepEqual(alone[DISPLAY](), { "text/plain": "IntSlider(value=5)" });
});
