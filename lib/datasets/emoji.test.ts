import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type EmojiDataset, openEmoji } from "./emoji";
import { PICTURE_BYTES } from "./emoji-index";

const opened = openEmoji();

function hashes(all: Uint8Array, size: number): string[] {
  return Array.from({ length: size }, (_, i) =>
    createHash("sha1")
      .update(all.subarray(i * PICTURE_BYTES, (i + 1) * PICTURE_BYTES))
      .digest("base64"),
  );
}

/** Styles in which each class has a base picture in the training set. */
function trainStyles(emoji: EmojiDataset): Set<number>[] {
  const styles = emoji.classNames.map(() => new Set<number>());
  for (const i of emoji.indices("train")) {
    if (emoji.isBase[i] && emoji.classIndex[i] >= 0) styles[emoji.classIndex[i]].add(emoji.styleIndex[i]);
  }
  return styles;
}

test("the set has 23,945 pictures, 1,942 classes, ten groups and a hundred subgroups", async () => {
  const emoji = await opened;
  assert.deepEqual(
    [emoji.size, emoji.classNames.length, emoji.groupNames.length, emoji.subgroupNames.length],
    [23945, 1942, 10, 100],
  );
  assert.deepEqual(
    [emoji.indices("train").length, emoji.indices("heldOut").length, emoji.indices("excluded").length],
    [21458, 1179, 1308],
  );
});

test("every held-out picture is a base emoji whose name trains in at least two other styles, and not in its own", async () => {
  const emoji = await opened;
  const styles = trainStyles(emoji);
  for (const i of emoji.indices("heldOut")) {
    const seen = styles[emoji.classIndex[i]];
    const { id } = emoji.record(i);
    assert.equal(emoji.isBase[i], 1, id);
    assert.ok(seen.size >= 2, `${id} trains in ${seen.size} other styles`);
    assert.ok(!seen.has(emoji.styleIndex[i]), `${id} does not train in its own style`);
  }
});

test("no skin tone of a held-out picture is in training", async () => {
  const emoji = await opened;
  const key = (i: number) => `${emoji.styleIndex[i]} ${emoji.classIndex[i]}`;
  const heldOut = new Set(Array.from(emoji.indices("heldOut"), key));
  const leaks = [...emoji.indices("train")].filter((i) => heldOut.has(key(i)));
  assert.deepEqual(
    leaks.map((i) => emoji.record(i).id),
    [],
  );
});

test("no training picture has the same pixels as a held-out picture, and only twelve pictures are blank", async () => {
  const emoji = await opened;
  const all = await emoji.allPictures();
  const keys = hashes(all, emoji.size);
  const heldOut = new Set(Array.from(emoji.indices("heldOut"), (i) => keys[i]));
  const leaks = [...emoji.indices("train")].filter((i) => heldOut.has(keys[i]));
  assert.deepEqual(
    leaks.map((i) => emoji.record(i).id),
    [],
  );
  const blank = createHash("sha1").update(new Uint8Array(PICTURE_BYTES).fill(255)).digest("base64");
  const blanks = keys.flatMap((key, i) => (key === blank ? [emoji.record(i).id] : []));
  assert.deepEqual([blanks, blanks.length], [emoji.summary.blank, 12]);
});

test("pictures come the same from the files and from memory, in the order asked for", async () => {
  const wanted = [23944, 0, 5000, 5000, 1023, 1024];
  const fromFiles = await (await openEmoji()).pictures(wanted);
  const emoji = await opened;
  const all = await emoji.allPictures();
  assert.deepEqual(await emoji.pictures(wanted), fromFiles);
  wanted.forEach((i, n) => {
    const one = fromFiles.subarray(n * PICTURE_BYTES, (n + 1) * PICTURE_BYTES);
    assert.ok(
      Buffer.compare(one, all.subarray(i * PICTURE_BYTES, (i + 1) * PICTURE_BYTES)) === 0,
      `picture ${i}`,
    );
  });
});

test("a record says what its columns say", async () => {
  const emoji = await opened;
  for (let i = 0; i < emoji.size; i += 7) {
    const record = emoji.record(i);
    for (const [kind, { names, index }] of Object.entries(emoji.labels)) {
      assert.equal(record.labels[kind], index[i] < 0 ? null : names[index[i]], `${record.id} ${kind}`);
    }
    assert.equal(record.split, ["train", "heldOut", "excluded"][emoji.splitIndex[i]]);
    if (record.hexcode === null) assert.deepEqual([record.group, record.isBase], [null, false], record.id);
    const tones = record.skinTone?.split(", ") ?? [];
    assert.ok(
      tones.every((tone) => record.name.includes(`${tone} skin tone`)),
      record.id,
    );
    if (record.hexcode && record.group !== "component")
      assert.ok(!record.baseName.includes("skin tone"), record.id);
  }
});

test("a picture number outside the set is refused", async () => {
  const emoji = await opened;
  for (const wrong of [-1, 23945, 0.5]) {
    assert.throws(() => emoji.record(wrong), /expected a whole number from 0 to 23944, got/);
    await assert.rejects(emoji.pictures([wrong]), /expected (record|whole) numbers from 0 to 23944, got/);
  }
});
