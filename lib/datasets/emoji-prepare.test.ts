import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openEmoji } from "./emoji";
import { type EmojiProgress, isEmojiPrepared, type PrepareEmojiOptions, prepareEmoji } from "./emoji-prepare";

/** A small set: 3 styles of 60 pictures in 12 shards. */
const small: PrepareEmojiOptions = {
  styles: ["twemoji", "emojione", "openmoji"],
  perStyle: 60,
  shardSize: 16,
};

let root = "";
/** The small set, prepared without interruption. */
let whole = "";

before(async () => {
  root = await mkdtemp(join(tmpdir(), "vitrine-emoji-"));
  whole = join(root, "whole");
  await prepareEmoji({ ...small, dir: whole });
});
after(() => rm(root, { recursive: true }));

async function contents(dir: string): Promise<Record<string, string>> {
  const files = (await readdir(dir)).sort();
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => [file, (await readFile(join(dir, file))).toString("base64")]),
    ),
  );
}

/** Asserts that a folder is the same as the set prepared without interruption, byte for byte. */
async function assertWhole(dir: string): Promise<void> {
  const [expected, got] = await Promise.all([contents(whole), contents(dir)]);
  assert.deepEqual(Object.keys(got), Object.keys(expected));
  for (const file of Object.keys(expected)) assert.ok(got[file] === expected[file], `${file} is the same`);
}

test("a prepared folder has shards of the promised length, an index, a manifest and nothing else", async () => {
  const files = Object.entries(await contents(whole));
  const shards = files.filter(([file]) => /^pictures-\d{5}\.bin$/.test(file));
  const bytes = shards.reduce((sum, [, data]) => sum + Buffer.from(data, "base64").length, 0);
  assert.deepEqual([shards.length, bytes, files.length], [12, 180 * 64 * 64 * 3, 14]);
});

test("a complete set is not touched again", async () => {
  const calls: EmojiProgress[] = [];
  const summary = await prepareEmoji({
    ...small,
    dir: whole,
    onProgress: (progress) => calls.push(progress),
  });
  assert.deepEqual([summary.size, calls], [180, []]);
});

test("an aborted preparation keeps its shards, and the next goes on from them to the same bytes", async () => {
  const dir = join(root, "aborted");
  const stop = new AbortController();
  const onProgress = ({ done }: EmojiProgress) => {
    if (done >= 64) stop.abort();
  };
  await assert.rejects(prepareEmoji({ ...small, dir, onProgress, signal: stop.signal }), {
    name: "AbortError",
  });
  assert.ok(!existsSync(join(dir, "index.json")));
  await assert.rejects(
    openEmoji({ dir }),
    /expected .*index\.json, got ENOENT \(run: npx vitrine prepare-emoji\)/,
  );
  const seen: number[] = [];
  await prepareEmoji({ ...small, dir, onProgress: ({ done }) => seen.push(done) });
  assert.ok(seen[0] >= 64, `went on from ${seen[0]}`);
  await assertWhole(dir);
});

test("a preparation killed at any moment is completed by the next", async () => {
  const dir = join(root, "killed");
  const code = `require("./lib/datasets").prepareEmoji(${JSON.stringify({ ...small, dir })})`;
  for (const shardsBefore of [0, 3]) {
    const child = spawn(process.execPath, ["--import", "tsx", "-e", code], { cwd: join(__dirname, "../..") });
    const ended = once(child, "exit");
    const shard = join(dir, `pictures-0000${shardsBefore}.bin`);
    while (!existsSync(shard) && child.exitCode === null) await new Promise((done) => setTimeout(done, 2));
    child.kill("SIGKILL");
    await ended;
  }
  await prepareEmoji({ ...small, dir });
  await assertWhole(dir);
});

test("shards that are cut, lost or (when verifying) changed are rendered again", async () => {
  const dir = join(root, "damaged");
  await prepareEmoji({ ...small, dir });
  await truncate(join(dir, "pictures-00002.bin"), 1000);
  await assert.rejects(
    openEmoji({ dir }),
    /pictures-00002\.bin: expected a file of 196608 bytes, got 1000 bytes/,
  );
  await rm(join(dir, "pictures-00005.bin"));
  await prepareEmoji({ ...small, dir });
  await assertWhole(dir);

  const third = join(dir, "pictures-00003.bin");
  const changed = await readFile(third);
  changed[5] ^= 1;
  await writeFile(third, changed);
  await prepareEmoji({ ...small, dir });
  await assert.rejects(
    openEmoji({ dir, verify: true }),
    /pictures-00003\.bin: expected SHA-256 .*prepare-emoji --verify/,
  );
  await prepareEmoji({ ...small, dir, verify: true });
  await assertWhole(dir);
});

test("a damaged index is made again without rendering", async () => {
  const dir = join(root, "index");
  await prepareEmoji({ ...small, dir });
  await writeFile(join(dir, "index.json"), "{");
  await assert.rejects(openEmoji({ dir }), /index\.json to be JSON, got damaged text/);
  const stages = new Set<string>();
  await prepareEmoji({ ...small, dir, onProgress: ({ stage }) => stages.add(stage) });
  assert.deepEqual([...stages], ["index"]);
  await assertWhole(dir);
});

test("another seed makes another index and hash from the same pictures", async () => {
  const dir = join(root, "seed");
  const before = await prepareEmoji({ ...small, dir });
  const split = { seed: 7, heldOutShare: 0.6, minStyles: 3, minOtherStyles: 2 };
  const stages = new Set<string>();
  const summary = await prepareEmoji({ ...small, dir, split, onProgress: ({ stage }) => stages.add(stage) });
  assert.deepEqual([...stages], ["index"]);
  assert.notEqual(summary.hash, before.hash);
});

test("a small set does not count as the prepared default set", async () => {
  assert.equal(await isEmojiPrepared({ dir: whole }), false);
  assert.equal(await isEmojiPrepared({ dir: join(root, "nowhere") }), false);
});
