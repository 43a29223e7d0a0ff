/** The session's parts that need no sockets: offsets, history, stream gathering, problem reports. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "./history";
import { toCodePoints, toUtf16 } from "./offsets";
import { reportProblems } from "./problem-report";
import { StreamBuffer, type StreamText } from "./streams";

test("positions after astral characters are counted in code points outside and UTF-16 units inside", () => {
  const text = "a🦊b";
  assert.equal(toUtf16(text, 2), 3);
  assert.equal(toCodePoints(text, 3), 2);
  assert.equal(toUtf16(text, 99), 4);
});

test("history answers tail, range and search, with unique and n", () => {
  const history = new History();
  for (const [i, code] of ["a = 1", "b = 2", "a = 1", "c.d"].entries()) history.add(i + 1, code);
  const lines = (request: Record<string, unknown>) =>
    history.answer(request).map((item) => (item as [number, number, string])[1]);
  assert.deepEqual(lines({ hist_access_type: "tail", n: 2 }), [3, 4]);
  assert.deepEqual(lines({ hist_access_type: "range", start: 1, stop: 3 }), [1, 2]);
  assert.deepEqual(lines({ hist_access_type: "search", pattern: "a*" }), [1, 3]);
  assert.deepEqual(lines({ hist_access_type: "search", pattern: "a*", unique: true }), [3]);
  assert.deepEqual(lines({ hist_access_type: "search", pattern: "c?d" }), [4]);
  assert.deepEqual(history.answer({ hist_access_type: "tail", n: 1, output: true }), [[1, 4, ["c.d", null]]]);
});

test("text is gathered by stream and parent, in order, and never lost", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sent: StreamText[] = [];
  const buffer = new StreamBuffer({ send: (stream) => sent.push(stream), delayMs: 20, maxLength: 10 });
  const parent = {};
  buffer.push({ name: "stdout", text: "a", parent });
  buffer.push({ name: "stdout", text: "b", parent });
  assert.deepEqual(sent, []);
  context.mock.timers.tick(20);
  buffer.push({ name: "stdout", text: "c", parent });
  buffer.push({ name: "stderr", text: "d", parent });
  buffer.push({ name: "stderr", text: "0123456789", parent });
  buffer.push({ name: "stderr", text: "e", parent: {} });
  buffer.flush();
  const told = sent.map(({ name, text }) => `${name}:${text}`);
  assert.deepEqual(told, ["stdout:ab", "stdout:c", "stderr:d0123456789", "stderr:e"]);
});

test("a problem is shown with its line and a caret under its place", () => {
  const problem = { kind: "type" as const, code: 2322, message: "No.", line: 2, column: 7, length: 4 };
  const { ename, evalue, traceback } = reportProblems([problem], "let a;\nconst size = 1;", "In[4]");
  assert.deepEqual([ename, evalue], ["TypeScriptError", "TS2322: No. (line 2)"]);
  assert.equal(traceback[1], "Cell In[4]:2:7");
  assert.equal(traceback[2], "     2 │ const size = 1;");
  assert.equal(traceback[3], "       │       \u001b[31m^^^^\u001b[39m");
});
