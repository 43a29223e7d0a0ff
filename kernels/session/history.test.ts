/** History over sessions, on real files. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { makeHeader } from "../protocol";
import { globMatcher, History } from "./history";
import { HistoryFile } from "./history-file";
import { RequestFields } from "./request";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vitrine-history-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A kernel's history, as after its start. */
function session(maxFileBytes?: number) {
  const failures: unknown[] = [];
  const file = new HistoryFile({ folder, maxFileBytes });
  const history = new History({ file, onFailure: (error) => failures.push(error) });
  const ask = (content: Record<string, unknown>) => {
    const header = makeHeader("history_request", "test");
    return history.answer(
      new RequestFields({ identities: [], header, parentHeader: {}, metadata: {}, content, buffers: [] }),
    );
  };
  const run = (...inputs: string[]) => {
    for (const [i, input] of inputs.entries()) history.add(i + 1, input);
  };
  return { history, failures, ask, run };
}

const onlyFile = () => path.join(folder, readdirSync(folder)[0]);

test("tail, range and search reach over sessions, which are counted from 1", () => {
  session().run("a = 1", "b = 2");
  session().run("a = 3");
  const { ask, run } = session();
  run("c.d", "a = 1");
  assert.deepEqual(ask({ hist_access_type: "tail", n: 3 }), [
    [2, 1, "a = 3"],
    [3, 1, "c.d"],
    [3, 2, "a = 1"],
  ]);
  const lines = (content: Record<string, unknown>) => ask(content).map(([number, line]) => [number, line]);
  assert.deepEqual(lines({ hist_access_type: "range", session: 0, start: 1, stop: 2 }), [[0, 1]]);
  assert.deepEqual(lines({ hist_access_type: "range", session: 0, start: -1 }), [[0, 2]]);
  assert.deepEqual(lines({ hist_access_type: "range", session: -2, start: 0 }), [
    [1, 1],
    [1, 2],
  ]);
  assert.deepEqual(lines({ hist_access_type: "range", session: 2 }), [[2, 1]]);
  assert.deepEqual(lines({ hist_access_type: "range", session: -9 }), []);
  assert.deepEqual(lines({ hist_access_type: "search", pattern: "a*" }), [
    [1, 1],
    [2, 1],
    [3, 2],
  ]);
  assert.deepEqual(lines({ hist_access_type: "search", pattern: "a*", unique: true, n: 5 }), [
    [2, 1],
    [3, 2],
  ]);
  assert.deepEqual(lines({ hist_access_type: "search", pattern: "c?d" }), [[3, 1]]);
});

test("results come as text where they were kept, also from an earlier session", () => {
  const first = session();
  first.run("1 + 1");
  first.history.addOutput(1, "2");
  const { ask, run } = session();
  run("quiet");
  assert.deepEqual(ask({ hist_access_type: "tail", n: 2, output: true }), [
    [1, 1, ["1 + 1", "2"]],
    [2, 1, ["quiet", null]],
  ]);
});

test("two kernels at once keep apart, and see each other's past", () => {
  const [one, other] = [session(), session()];
  one.history.add(1, "one");
  other.history.add(1, "other");
  one.history.add(2, "one again");
  assert.deepEqual(one.ask({ hist_access_type: "range", session: 0 }), [
    [0, 1, "one"],
    [0, 2, "one again"],
  ]);
  assert.deepEqual(other.ask({ hist_access_type: "range", session: -1 }), [
    [1, 1, "one"],
    [1, 2, "one again"],
  ]);
});

test("sessions that began at the same moment get different numbers", () => {
  const file = new HistoryFile({ folder });
  file.addInput({ id: "x", number: 1 }, 1, "of x");
  file.addInput({ id: "y", number: 1 }, 1, "of y");
  assert.deepEqual(
    [...file.read().numbers],
    [
      ["x", 1],
      ["y", 2],
    ],
  );
});

test("a record that a kill cut off spoils nothing but itself", () => {
  session().run("whole", "cut off");
  const text = readFileSync(onlyFile(), "utf8");
  truncateSync(onlyFile(), Buffer.byteLength(text) - 8);
  const { ask, run } = session();
  run("after");
  assert.deepEqual(ask({ hist_access_type: "tail" }), [
    [1, 1, "whole"],
    [2, 1, "after"],
  ]);
});

test("what this version does not know is passed over", () => {
  session().run("known");
  appendFileSync(onlyFile(), '\u001e{"s":1,"l":"x"}\n\u001e[]\n\u001enull\n');
  assert.deepEqual(session().ask({ hist_access_type: "tail" }), [[1, 1, "known"]]);
});

test("the files stay within their bounds, the newest are kept, and numbers go on", () => {
  const { run } = session(2_000);
  run(...Array.from({ length: 200 }, (_, i) => `const value${i} = ${i};`));
  assert.equal(readdirSync(folder).length, 2);
  const size = readdirSync(folder).reduce(
    (sum, name) => sum + readFileSync(path.join(folder, name)).length,
    0,
  );
  assert.ok(size < 4_500, `${size} bytes`);
  const next = session(2_000);
  next.run("next");
  const found = next.ask({ hist_access_type: "tail" });
  assert.deepEqual(found.at(-1), [2, 1, "next"]);
  assert.deepEqual(found.at(-2), [1, 200, "const value199 = 199;"]);
});

test("a folder that cannot be written is told once; the session's own history still works", () => {
  const file = path.join(folder, "file");
  appendFileSync(file, "");
  chmodSync(file, 0o400);
  const failures: unknown[] = [];
  const unwritable = new HistoryFile({ folder: path.join(file, "below") });
  const history = new History({ file: unwritable, onFailure: (error) => failures.push(error) });
  history.add(1, "a");
  history.add(2, "b");
  assert.equal(failures.length, 1);
  const header = makeHeader("history_request", "test");
  const content = { hist_access_type: "tail", n: 1 };
  const fields = new RequestFields({
    identities: [],
    header,
    parentHeader: {},
    metadata: {},
    content,
    buffers: [],
  });
  assert.deepEqual(history.answer(fields), [[1, 2, "b"]]);
});

test("only the owner can read the file", () => {
  session().run("secret");
  assert.equal(readFileSync(onlyFile(), "utf8").includes("secret"), true);
  assert.equal(statSync(onlyFile()).mode & 0o077, 0);
});

test("a pattern of many stars takes no time", () => {
  const matches = globMatcher(`${"*a".repeat(30)}*b`);
  assert.equal(matches("a".repeat(5_000)), false);
  assert.equal(matches(`${"a".repeat(5_000)}b`), true);
  assert.equal(globMatcher("[a].+*")("[a].+ rest"), true);
  assert.equal(globMatcher("a?c")("ac"), false);
});
