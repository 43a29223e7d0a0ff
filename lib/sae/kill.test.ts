import assert from "node:assert/strict";
import { test } from "node:test";
import { killedRun, unharmedRun } from "./kill-harness";

test("runs killed at random moments end with the weights and metrics of one that was not", {
  timeout: 600_000,
}, async () => {
  const expected = await unharmedRun();
  for (const [seed, kills] of [
    [1, 1],
    [2, 3],
  ]) {
    const { killedAt, hash } = await killedRun(seed, kills);
    assert.equal(killedAt.length, kills);
    assert.equal(hash, expected, `killed about step ${killedAt.join(", ")}`);
  }
});
