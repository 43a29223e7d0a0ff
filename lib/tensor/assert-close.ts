/** For tests of numbers that are computed in another order than those they are held against. */
import assert from "node:assert/strict";

/** Every difference is at most `bound` times the largest of `expected`. */
export function assertClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  bound = 2e-6,
): void {
  let [largest, error] = [1e-30, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    error = Math.max(error, Math.abs(got[i] - expected[i]));
  }
  assert.equal(got.length, expected.length);
  assert.ok(error <= bound * largest, `${what}: off by ${error} of ${largest}`);
}
