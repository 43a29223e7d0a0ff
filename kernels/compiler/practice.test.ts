/** What the compiler does in pauses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Practice } from "./practice";

test("practice that fails ends without an error", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setImmediate"] });
  let calls = 0;
  const practice = new Practice(() => {
    calls++;
    throw new Error("broken tsconfig.json");
  });
  practice.touch();
  t.mock.timers.tick(99);
  assert.equal(calls, 0);
  t.mock.timers.tick(1_000);
  assert.equal(calls, 1);
});
