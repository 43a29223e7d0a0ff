/** `%timeit`: how often it calls, and how it writes times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, measureOften, measureOnce } from "./timing";

test("times have three digits and the unit that fits", () => {
  const written = [0, 4.2e-7, 0.0123456, 1.5, 999, 1_234, 59_000, 61_000, 3_723_000].map(duration);
  const expected = [
    "0 ns",
    "0.42 ns",
    "12.3 µs",
    "1.5 ms",
    "999 ms",
    "1.23 s",
    "59 s",
    "1min 1s",
    "1h 2min 3s",
  ];
  assert.deepEqual(written, expected);
});

test("so many loops in so many runs, one after another also if they await", async () => {
  let calls = 0;
  let open = 0;
  const printed: string[] = [];
  const work = async () => {
    open += 1;
    assert.equal(open, 1);
    await null;
    open -= 1;
    calls += 1;
  };
  await measureOften(work, { loops: 5, repeats: 3 }, (text) => printed.push(text));
  assert.equal(calls, 15);
  assert.match(
    printed.join(""),
    /^[\d.]+ [µnm]?s ± [\d.]+ [µnm]?s per loop \(mean ± std\. dev\. of 3 runs, 5 loops each\)\n$/,
  );
});

test("without a number of loops a run takes long enough to be measured", async () => {
  let calls = 0;
  const printed: string[] = [];
  const work = () => {
    calls += 1;
    for (const end = performance.now() + 5; performance.now() < end; );
  };
  await measureOften(work, { repeats: 1 }, (text) => printed.push(text));
  const loops = Number(/of 1 run, ([\d,]+) loops? each/.exec(printed.join(""))?.[1].replace(",", ""));
  // 100 take half a second, and on a busy machine fewer take as long. 1, 10, … to find the number, then as many once more.
  assert.ok(loops >= 1 && loops <= 100, printed.join(""));
  const toFind = [1, 10, 100].filter((count) => count <= loops).reduce((sum, count) => sum + count, 0);
  assert.equal(calls, toFind + loops);
});

test("the time until an error is printed too", async () => {
  const printed: string[] = [];
  const failing = measureOnce(
    () => Promise.reject(new Error("no")),
    (text) => printed.push(text),
  );
  await assert.rejects(failing, /no/);
  assert.match(printed.join(""), /^CPU times: user .*, sys .*, total .*\nWall time: .*\n$/);
});
