import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../tensor";
import { openOrComputeActivations } from "./activation-store";
import { Activations } from "./activations";
import { BlockShuffle } from "./block-shuffle";
import { RowBlocks } from "./row-blocks";

const ROWS = 1000;
const WIDTH = 4;
const BLOCK_ROWS = 16;
const root = mkdtempSync(join(tmpdir(), "activations-"));
after(() => rmSync(root, { recursive: true }));

let folder = "";
before(async () => {
  const store = await openOrComputeActivations({
    key: { set: "row numbers" },
    rows: ROWS,
    width: WIDTH,
    dir: root,
    shardRows: 300,
    async *compute() {
      yield Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.floor(i / WIDTH) + (i % WIDTH) / 8);
    },
  });
  folder = store.dir;
});

/** The store with blocks of 16 rows and windows of `windowRows`, of which `memoryRows` stay in memory. */
function small({ windowRows = 64, memoryRows = 160, rows = ROWS, first = 0 } = {}): Activations {
  const { shards } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const bytes = WIDTH * 4;
  const blocks = new RowBlocks(folder, shards, WIDTH, "float32", memoryRows * bytes, BLOCK_ROWS * bytes);
  return new Activations(blocks, { first, count: rows }, "hash", folder, windowRows * bytes);
}

const sorted = (rows: Uint32Array) => [...rows].sort((a, b) => a - b);
const all = Array.from({ length: ROWS }, (_, i) => i);

test("rows come in the order asked for, repeats too, whether few or many of a block", async () => {
  for (const memoryRows of [160, 2000]) {
    const source = small({ memoryRows });
    for (const indices of [[999, 0, 0, 17, 300, 299], all.slice(500, 700), [3]]) {
      const into = new Float32Array(indices.length * WIDTH);
      await source.gather(Uint32Array.from(indices), into);
      const expected = indices.flatMap((row) => [0, 1, 2, 3].map((column) => row + column / 8));
      assert.deepEqual([...into], expected);
    }
    assert.throws(
      () => source.gather(Uint32Array.of(1000), new Float32Array(4)),
      /expected rows < 1000, got 1000/,
    );
  }
});

test("the shuffled order has each row once and stays within windows of few blocks", () => {
  const order = small().order(new Random(1));
  const rows = order.rows(0, ROWS);
  assert.deepEqual(sorted(rows), all);
  // Shards of 300 rows have blocks of 16 and a last one of 12; a window of 64 rows holds at least four of them.
  const shuffle = new BlockShuffle(
    Array.from({ length: 10 }, (_, i) => ({ first: 100 * i, count: 100 })),
    250,
    new Random(2),
  );
  assert.deepEqual(
    shuffle.windows.map((window) => window.length),
    [2, 2, 2, 2, 2],
  );
  for (let window = 0; window < 5; window++) {
    const inWindow = shuffle.rows(200 * window, 200 * window + 200);
    const blocks = new Set([...inWindow].map((row) => Math.floor(row / 100)));
    assert.deepEqual(blocks, new Set(shuffle.windows[window]));
    const jumps = inWindow.filter((row, i) => i > 0 && row !== inWindow[i - 1] + 1).length;
    assert.ok(jumps > 150, `only ${jumps} of 199 neighbours are strangers`);
  }
});

test("the order follows from the random state alone, in pieces of any size", () => {
  const whole = small().order(new Random(3)).rows(0, ROWS);
  const order = small({ memoryRows: 1000 }).order(new Random(3));
  const pieces: number[] = [];
  for (let at = 0; at < ROWS; at += 37) pieces.push(...order.rows(at, Math.min(ROWS, at + 37)));
  assert.deepEqual(pieces, [...whole]);
  assert.notDeepEqual([...small().order(new Random(4)).rows(0, ROWS)], pieces);
});

test("a store within one window is shuffled as a whole, as rows in memory are", () => {
  const order = small({ windowRows: ROWS }).order(new Random(5));
  assert.deepEqual(order.rows(0, ROWS), new Random(5).permutation(ROWS));
});

test("following the order reads each block once, ahead of its use, within bounded memory", async () => {
  const source = small();
  const blocks = (source as unknown as { blocks: RowBlocks }).blocks;
  const inner = blocks as unknown as {
    fetch(block: number): Promise<Uint8Array>;
    loaded: Map<number, Uint8Array>;
  };
  const fetched: number[] = [];
  const plain = inner.fetch.bind(blocks);
  inner.fetch = (block) => {
    fetched.push(block);
    return plain(block);
  };
  const order = source.order(new Random(6));
  const into = new Float32Array(20 * WIDTH);
  let most = 0;
  for (let at = 0; at < ROWS; at += 20) {
    const rows = order.rows(at, at + 20);
    await source.gather(rows, into);
    assert.deepEqual([...into.filter((_, i) => i % WIDTH === 0)], [...rows]);
    most = Math.max(most, inner.loaded.size);
  }
  assert.equal(new Set(fetched).size, blocks.blocks.length);
  assert.equal(fetched.length, blocks.blocks.length, "no block is read twice");
  assert.ok(most <= 10, `${most} blocks in memory`);
});

test("a slice numbers its rows anew, gathers, shuffles and streams them alone", async () => {
  const slice = small({ first: 0, rows: ROWS }).slice(290, 650);
  assert.equal(slice.contentHash, "hash:290-650");
  const into = new Float32Array(2 * WIDTH);
  await slice.gather(Uint32Array.of(4, 0), into);
  assert.deepEqual([into[0], into[WIDTH]], [294, 290]);
  assert.throws(() => slice.gather(Uint32Array.of(360), into), /expected rows < 360, got 360/);
  assert.deepEqual(sorted(slice.order(new Random(7)).rows(0, 360)), all.slice(0, 360));
  const streamed: number[] = [];
  for await (const rows of slice.batches()) streamed.push(...rows.filter((_, i) => i % WIDTH === 0));
  assert.deepEqual(streamed, all.slice(290, 650));
  assert.throws(() => slice.slice(5, 400), /expected 0 <= from < to <= 360, got 5 and 400/);
});
