import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import {
  type ActivationOptions,
  activationHash,
  openActivations,
  openOrComputeActivations,
} from "./activation-store";
import { readSafetensors } from "./safetensors";

const WIDTH = 3;
const ROWS = 25;
const root = mkdtempSync(join(tmpdir(), "activations-"));
let dir = "";
let serial = 0;
beforeEach(() => {
  dir = join(root, String(serial++));
});
after(() => rmSync(root, { recursive: true }));

const valueAt = (row: number, column: number) => Math.fround(Math.sin(row * WIDTH + column));
const expected = Float32Array.from({ length: ROWS * WIDTH }, (_, i) =>
  valueAt(Math.floor(i / WIDTH), i % WIDTH),
);

/** Options whose `compute` gives blocks of seven rows and notes from where it was asked. */
function options(changes: Partial<ActivationOptions> = {}): ActivationOptions & { asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    dir,
    key: { model: "tiny", data: { set: "sines", views: 2 } },
    rows: ROWS,
    width: WIDTH,
    shardRows: 8,
    async *compute(from) {
      asked.push(from);
      for (let row = from; row < ROWS; row += 7) {
        yield expected.slice(row * WIDTH, Math.min(row + 7, ROWS) * WIDTH);
      }
    },
    ...changes,
  };
}

test("rows are computed once and read from the shards after that", async () => {
  const first = options();
  const computed = await openOrComputeActivations(first);
  const second = options();
  const opened = await openOrComputeActivations(second);
  assert.deepEqual(first.asked, [0]);
  assert.deepEqual(second.asked, []);
  assert.deepEqual(await computed.toArray(), expected);
  assert.deepEqual(await opened.toArray(), expected);
  assert.deepEqual(await (await openActivations(opened.dir)).toArray(), expected);
  assert.equal(opened.contentHash, computed.contentHash);
});

test("a shard is a safetensors file that anything can read", async () => {
  const { dir: folder } = await openOrComputeActivations(options());
  const { tensors, metadata } = await readSafetensors(join(folder, "rows-00001.safetensors"));
  const { shape, data } = tensors.get("activations")!;
  assert.deepEqual(shape, [8, WIDTH]);
  assert.deepEqual(data, expected.slice(8 * WIDTH, 16 * WIDTH));
  assert.equal(metadata.first_row, "8");
});

test("float16 rounds to 11 bits, is another store than float32, and refuses what it cannot hold", async () => {
  const half = await openOrComputeActivations(options({ dtype: "float16" }));
  const full = await openOrComputeActivations(options());
  assert.notEqual(half.contentHash, full.contentHash);
  for (const [i, value] of (await half.toArray()).entries()) {
    assert.ok(Math.abs(value - expected[i]) <= Math.abs(expected[i]) * 2 ** -11, `${value}, ${expected[i]}`);
  }
  const gathered = new Float32Array(WIDTH);
  await half.gather(Uint32Array.of(9), gathered);
  assert.deepEqual(gathered, (await half.toArray()).slice(9 * WIDTH, 10 * WIDTH));
  const large = options({
    dtype: "float16",
    key: { large: true },
    async *compute() {
      yield Float32Array.of(1, 70000, 1);
    },
  });
  await assert.rejects(
    openOrComputeActivations(large),
    /up to 65504 for float16, got 70000 in row 0 \(do: store float32\)/,
  );
});

test("a folder of one's own holds one store, and is refused to any other and before it is finished", async () => {
  const folder = join(dir, "mine");
  const controller = new AbortController();
  const stopped = options({
    folder,
    signal: controller.signal,
    onProgress: ({ done }) => done >= 14 && controller.abort(new Error("enough")),
  });
  await assert.rejects(openOrComputeActivations(stopped), /enough/);
  await assert.rejects(openActivations(folder), /expected 25 rows, got 8/);
  await openOrComputeActivations(options({ folder }));
  assert.equal((await openActivations(folder)).rows, ROWS);
  await assert.rejects(
    openOrComputeActivations(options({ folder, key: { model: "other" } })),
    /expected the activations of this model, data and hook point, got others'/,
  );
  await assert.rejects(openActivations(join(dir, "none")), /expected a folder of activations/);
  const path = join(folder, "rows-00001.safetensors");
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(path, bytes);
  await assert.rejects(
    openActivations(folder),
    /rows-00001\.safetensors: expected the shard as it was written/,
  );
});

test("an interrupted computation goes on at the first missing shard", async () => {
  const controller = new AbortController();
  const stopped = options({
    signal: controller.signal,
    onProgress: ({ done }) => {
      if (done >= 14) controller.abort(new Error("enough"));
    },
  });
  await assert.rejects(openOrComputeActivations(stopped), /enough/);
  const resumed = options();
  const opened = await openOrComputeActivations(resumed);
  assert.deepEqual(resumed.asked, [8]);
  assert.deepEqual(await opened.toArray(), expected);
});

test("a damaged shard is found by its checksum and computed again, with those after it", async () => {
  const { dir: folder } = await openOrComputeActivations(options());
  const path = join(folder, "rows-00002.safetensors");
  const bytes = readFileSync(path);
  bytes[bytes.length - 5] ^= 1;
  writeFileSync(path, bytes);
  const repair = options();
  assert.deepEqual(await (await openOrComputeActivations(repair)).toArray(), expected);
  assert.deepEqual(repair.asked, [16]);
});

test("a shard cut short is computed again even when checksums are not read", async () => {
  const { dir: folder } = await openOrComputeActivations(options());
  writeFileSync(join(folder, "rows-00003.safetensors"), "short");
  const repair = options({ verify: false });
  assert.deepEqual(await (await openOrComputeActivations(repair)).toArray(), expected);
  assert.deepEqual(repair.asked, [24]);
});

test("the hash follows the key's content and not the order of its fields", () => {
  const hash = activationHash({ a: 1, b: { c: 2, d: [3, 4] } }, 5, 6);
  assert.equal(activationHash({ b: { d: [3, 4], c: 2 }, a: 1 }, 5, 6), hash);
  assert.notEqual(activationHash({ b: { d: [4, 3], c: 2 }, a: 1 }, 5, 6), hash);
  assert.notEqual(activationHash({ a: 1, b: { c: 2, d: [3, 4] } }, 6, 5), hash);
});

test("another key has a folder of its own", async () => {
  await openOrComputeActivations(options());
  const other = options({ key: { model: "other" } });
  await openOrComputeActivations(other);
  assert.deepEqual(other.asked, [0]);
  assert.equal(readdirSync(dir).length, 2);
});

test("too many rows, too few, broken rows and numbers that are not finite are refused", async () => {
  const giving = (...blocks: Float32Array[]) => ({
    async *compute() {
      yield* blocks;
    },
  });
  const cases: [Float32Array[], RegExp][] = [
    [[expected, expected.slice(0, WIDTH)], /expected 25 rows, got more/],
    [[expected.slice(0, 4 * WIDTH)], /expected 25 rows, got 4/],
    [[new Float32Array(4)], /expected whole rows of 3, got 4 numbers/],
    [[expected.slice(0, 3), Float32Array.of(0, Number.NaN, 0)], /expected finite numbers, got NaN in row 1/],
  ];
  for (const [i, [blocks, message]] of cases.entries()) {
    await assert.rejects(openOrComputeActivations(options({ ...giving(...blocks), key: { i } })), message);
  }
});
