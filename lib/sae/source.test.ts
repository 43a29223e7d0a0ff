import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memorySource } from "./source";
import { ShuffledOrder } from "./stream";

describe("order of rows", () => {
  test("every epoch has each row once, in another order, across batches that straddle epochs", () => {
    const order = new ShuffledOrder({ rows: 10 }, 1);
    const drawn = Array.from({ length: 10 }, () => [...order.next(3)]).flat();
    for (const from of [0, 10, 20]) {
      const epoch = drawn.slice(from, from + 10);
      assert.deepEqual(
        [...epoch].sort((a, b) => a - b),
        Array.from({ length: 10 }, (_, i) => i),
      );
    }
    assert.notDeepEqual(drawn.slice(0, 10), drawn.slice(10, 20));
  });

  test("it goes on from a kept position as if it had not stopped", () => {
    const whole = new ShuffledOrder({ rows: 10 }, 1);
    for (let i = 0; i < 4; i++) whole.next(3);
    const resumed = new ShuffledOrder({ rows: 10 }, 1, JSON.parse(JSON.stringify(whole.position)));
    for (let i = 0; i < 5; i++) assert.deepEqual(resumed.next(4), whole.next(4));
  });

  test("a source refuses broken rows and numbers beyond its end", () => {
    assert.throws(
      () => memorySource(new Float32Array(7), 3),
      /expected whole rows of width 3, got 7 numbers/,
    );
    const source = memorySource(new Float32Array(6), 3);
    assert.throws(() => source.gather(Uint32Array.of(2), new Float32Array(3)), /expected a row < 2, got 2/);
  });
});
