/** The session's parts that need no sockets: offsets, stream gathering, problem reports. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toCodePoints, toUtf16 } from "./offsets";
import { reportProblems } from "./problem-report";
import { StreamBuffer, type StreamText } from "./streams";

test("positions after astral characters are counted in code points outside and UTF-16 units inside", () => {
  const text = "a🦊b";
  assert.equal(toUtf16(text, 2), 3);
  assert.equal(toCodePoints(text, 3), 2);
  assert.equal(toUtf16(text, 99), 4);
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

test("what a cell prints beyond its limit comes at its end, and clearing its output gives it a new limit", () => {
  const sent: string[] = [];
  const buffer = new StreamBuffer({
    send: ({ text }) => sent.push(text),
    limit: { headLength: 6, tailLength: 4 },
  });
  const parent = {};
  const print = (text: string) => {
    buffer.push({ name: "stdout", text, parent });
    buffer.flush();
  };
  for (const text of ["a\n", "b\n", "c\n", "d\n", "e\n", "f\n", "g\n", "h\n"]) print(text);
  assert.deepEqual(sent.splice(0), ["a\n", "b\n", "c\n"]);
  buffer.finish(parent);
  const [note, ...tail] = sent.splice(0);
  assert.match(note, /… 3 lines \(6 characters\) not shown; do: /);
  assert.deepEqual(tail, ["g\n", "h\n"]);
  print("later\n");
  assert.deepEqual(sent, []);
  buffer.restart(parent);
  print("new\n");
  buffer.finish(parent);
  assert.deepEqual(sent, ["new\n"]);
});

test("a cell that has printed much is shown in fewer messages", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sent: string[] = [];
  const buffer = new StreamBuffer({ send: ({ text }) => sent.push(text) });
  const parent = {};
  buffer.push({ name: "stdout", text: "x".repeat(200_000), parent });
  assert.equal(sent.length, 1);
  buffer.push({ name: "stdout", text: "y", parent });
  context.mock.timers.tick(100);
  assert.equal(sent.length, 1);
  context.mock.timers.tick(100);
  assert.deepEqual(sent.slice(1), ["y"]);
  buffer.push({ name: "stdout", text: "x".repeat(100_000), parent });
  assert.equal(sent.length, 2);
  buffer.push({ name: "stdout", text: "x".repeat(100), parent });
  assert.equal(sent.length, 3);
});

test("a problem is shown with its line and a caret under its place", () => {
  const problem = { kind: "type" as const, code: 2322, message: "No.", line: 2, column: 7, length: 4 };
  const { ename, evalue, traceback } = reportProblems([problem], "let a;\nconst size = 1;", "In[4]");
  assert.deepEqual([ename, evalue], ["TypeScriptError", "TS2322: No. (line 2)"]);
  assert.equal(traceback[1], "Cell In[4]:2:7");
  assert.equal(traceback[2], "     2 │ const size = 1;");
  assert.equal(traceback[3], "       │       \u001b[31m^^^^\u001b[39m");
});
