import assert from "node:assert/strict";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findBrokenShard, readAllShards, readRecords, readShard, type Shard, writeShard } from "./shards";

let dir = "";
let shards: Shard[] = [];

/** Ten records of three bytes in shards of four, four and two. */
const bytes = Uint8Array.from({ length: 30 }, (_, i) => i);

async function writeAll(): Promise<void> {
  shards = [];
  for (const [first, count] of [
    [0, 4],
    [4, 4],
    [8, 2],
  ]) {
    const part = bytes.subarray(first * 3, (first + count) * 3);
    shards.push(await writeShard(dir, `part-${first}.bin`, first, count, part));
  }
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "vitrine-shards-"));
  await writeAll();
});
after(() => rm(dir, { recursive: true }));

test("all shards together are the bytes that were written", async () => {
  assert.deepEqual(await readAllShards(dir, shards), bytes);
});

test("records come in the order asked for, across shards and repeated", async () => {
  const records = await readRecords(dir, shards, 3, [9, 0, 4, 4]);
  assert.deepEqual([...records], [27, 28, 29, 0, 1, 2, 12, 13, 14, 12, 13, 14]);
});

test("a record number outside the shards is refused", async () => {
  for (const wrong of [-1, 10, 1.5, Number.NaN]) {
    await assert.rejects(readRecords(dir, shards, 3, [wrong]), /expected record numbers from 0 to 9, got/);
  }
});

test("a shard that is short, missing or changed is found and named with what to do", async () => {
  const path = join(dir, shards[1].file);
  assert.equal(await findBrokenShard(dir, shards), null);
  await writeFile(path, bytes.subarray(0, 12));
  assert.equal(await findBrokenShard(dir, shards), null);
  await readShard(dir, shards[1]);
  await assert.rejects(
    readShard(dir, shards[1], { verify: true }),
    /part-4\.bin: expected SHA-256 .* \(delete the file/,
  );

  await truncate(path, 7);
  assert.equal(await findBrokenShard(dir, shards), shards[1]);
  await assert.rejects(readShard(dir, shards[1]), /part-4\.bin: expected a file of 12 bytes, got 7 bytes/);
  await assert.rejects(
    readAllShards(dir, shards),
    /part-4\.bin: expected a file of 12 bytes, got only 7 bytes/,
  );
  await assert.rejects(
    readRecords(dir, shards, 3, [6]),
    /part-4\.bin: expected a file of 12 bytes, got only/,
  );

  await rm(path);
  assert.equal(await findBrokenShard(dir, shards), shards[1]);
  await assert.rejects(readAllShards(dir, shards), /part-4\.bin: expected a file of 12 bytes, got ENOENT/);
  await writeAll();
});
