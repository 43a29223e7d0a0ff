import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../tensor";
import { BufferedStream } from "./buffer";
import type { ActivationProducer } from "./source";

/** Rows [n, -n] numbered through all passes; counts what it is asked for. */
function numbered(rows: number, block: number): ActivationProducer & { started: [number, number][] } {
  const started: [number, number][] = [];
  return {
    rows,
    width: 2,
    started,
    async *produce(pass, from) {
      started.push([pass, from]);
      for (let first = from; first < rows; first += block) {
        const last = Math.min(rows, first + block);
        const numbers = Array.from({ length: last - first }, (_, i) => pass * rows + first + i);
        yield Float32Array.from(numbers.flatMap((n) => [n, -n]));
      }
    },
  };
}

async function take(stream: BufferedStream, count: number): Promise<number[]> {
  const rows = new Float32Array(count * 2);
  await stream.next(rows);
  return Array.from({ length: count }, (_, i) => {
    assert.equal(rows[2 * i + 1], -rows[2 * i]);
    return rows[2 * i];
  });
}

describe("the shuffled buffer", () => {
  test("gives each row of each pass once, mixed, whatever the sizes of blocks and batches", async () => {
    const stream = new BufferedStream(numbered(50, 7), 1, { bufferRows: 20 });
    const given: number[] = [];
    for (let i = 0; i < 40; i++) given.push(...(await take(stream, 9)));
    assert.equal(new Set(given).size, given.length);
    // All but what may still wait in the buffer has come.
    const latest = Math.max(...given);
    assert.equal(latest + 1 - given.length <= 20, true);
    const moved = given.map((n, i) => Math.abs(n - i));
    assert.ok(moved.reduce((sum, distance) => sum + distance, 0) / moved.length > 3);
    assert.ok(
      given.slice(0, 10).some((n) => n >= 10),
      "the first rows come from all of the buffer",
    );
  });

  test("half of it is given out before it is filled up again", async () => {
    const producer = numbered(1000, 10);
    const stream = new BufferedStream(producer, 1, { bufferRows: 100 });
    const first = await take(stream, 50);
    assert.ok(first.every((n) => n < 100));
    const second = await take(stream, 50);
    assert.ok(second.every((n) => n < 150) && second.some((n) => n >= 100));
  });

  test("it goes on from a kept place to the same rows without making old rows again", async () => {
    const stream = new BufferedStream(numbered(64, 5), 3, { bufferRows: 30 });
    await take(stream, 77);
    const { position, tensors } = stream.state();
    const expected = await take(stream, 200);
    const producer = numbered(64, 5);
    const resumed = new BufferedStream(producer, 99, { bufferRows: 30 });
    resumed.restore({ position: JSON.parse(JSON.stringify(position)), tensors });
    assert.deepEqual(await take(resumed, 200), expected);
    assert.deepEqual(producer.started[0], [position.pass, position.taken]);
  });

  test("a sample does not move it", async () => {
    const [a, b] = [1, 1].map((seed) => new BufferedStream(numbered(64, 5), seed, { bufferRows: 30 }));
    const sample = await a.sample(12, new Random(5));
    assert.equal(new Set(sample.filter((_, i) => i % 2 === 0)).size, 12);
    assert.deepEqual(await take(a, 40), await take(b, 40));
  });

  test("a producer without rows is an error, not an endless wait", async () => {
    const empty = { rows: 10, width: 2, async *produce() {} };
    const stream = new BufferedStream(empty, 1, { bufferRows: 4 });
    await assert.rejects(stream.next(new Float32Array(2)), /expected rows from the producer/);
  });
});
