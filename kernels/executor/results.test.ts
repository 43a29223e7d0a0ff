/** Past results: which are kept, and what is said of those that are not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keptResults } from "../compiler";
import { PastResults } from "./results";

interface Names {
  In: string[];
  Out: Record<string, unknown>;
  _: unknown;
  __: unknown;
  ___: unknown;
}

test("the newest results are found by their number and from the last backwards", () => {
  const results = new PastResults();
  const names = results.names as Names;
  assert.deepEqual([names._, names.Out[1]], [undefined, undefined]);
  for (const [line, value] of [
    [1, "a"],
    [3, "b"],
    [4, "c"],
    [7, "d"],
  ] as const)
    results.add(line, value);
  assert.deepEqual(
    [names._, names.__, names.___, names.Out[1], names.Out[2]],
    ["d", "c", "b", "a", undefined],
  );
  assert.deepEqual(Object.entries(names.Out), [
    ["1", "a"],
    ["3", "b"],
    ["4", "c"],
    ["7", "d"],
  ]);
  delete names.Out[7];
  assert.deepEqual([names._, 7 in names.Out], ["c", false]);
});

test("a result that was dropped is told as such", () => {
  const results = new PastResults();
  const names = results.names as Names;
  for (let line = 1; line <= keptResults + 2; line += 1) results.add(line, line);
  assert.equal(Object.keys(names.Out).length, keptResults);
  assert.throws(() => names.Out[2], /Out\[2\]: expected one of the last 30 results, got an older one/);
  assert.equal(names.Out[3], 3);
});

test("large results push out older ones, and stay themselves until the next", () => {
  const results = new PastResults();
  const names = results.names as Names;
  const [large, larger] = [new Float32Array(50 * 2 ** 20), new ArrayBuffer(300 * 2 ** 20)];
  results.add(1, "small");
  results.add(2, large);
  results.add(3, larger);
  assert.deepEqual(Object.keys(names.Out), ["3"]);
  results.add(4, "next");
  assert.deepEqual(Object.keys(names.Out), ["4"]);
});

test("inputs are found by their number", () => {
  const results = new PastResults();
  results.addInput(1, "a + b");
  results.addInput(1_001, "c");
  const { In } = results.names as Names;
  assert.deepEqual([In[1], In[1_001]], [undefined, "c"]);
});
