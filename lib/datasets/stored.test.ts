import assert from "node:assert/strict";
import { cpSync, mkdirSync, utimesSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { fitPicture, type PictureGeometry, RESAMPLING } from "../io";
import { type Dataset, imagenetNames, openDataset, type PictureBatch, streamPictures } from ".";

const FIXTURES = join(__dirname, "fixtures");
const geometry: PictureGeometry = {
  do_resize: true,
  size: { shortest_edge: 8 },
  resample: RESAMPLING.bicubic,
  do_center_crop: true,
  crop_size: { height: 8, width: 8 },
};
const PLAIN: Record<string, [number, number, number]> = {
  red: [255, 0, 0],
  green: [0, 255, 0],
  blue: [0, 0, 255],
  yellow: [250, 250, 0],
  cyan: [0, 250, 250],
};
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-pictures-"));
  for (const [split, count] of [
    ["train", 5],
    ["val", 2],
  ] as const) {
    for (const synset of ["n01440764", "n02012849", "n03126707"]) {
      mkdirSync(join(folder, "imagenet", split, synset), { recursive: true });
      for (let i = 0; i < count; i++)
        await writeFile(join(folder, "imagenet", split, synset, `${i}.JPEG`), await noise(i + synset.length));
    }
  }
  await writeFile(
    join(folder, "imagenet", "train", "n02012849", "broken.jpg"),
    (await noise(9)).subarray(0, 300),
  );
  await writeFile(join(folder, "imagenet", "train", "n02012849", "notes.txt"), "no picture");
});
after(() => rm(folder, { recursive: true, force: true }));

function noise(seed: number): Promise<Buffer> {
  const data = Uint8Array.from({ length: 30 * 20 * 3 }, (_, i) => (i * 7919 + seed * 104729) >> 3);
  return sharp(data, { raw: { width: 30, height: 20, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

/** The colours of single-coloured pictures, white for one that cannot be read. */
async function colours(dataset: Dataset): Promise<string[]> {
  const attempts = await dataset.attempt(Array.from({ length: dataset.size }, (_, i) => i));
  return attempts.map((attempt) => {
    if (attempt instanceof Error) return "unreadable";
    const found = Object.entries(PLAIN).find(([, rgb]) =>
      attempt.every((byte, i) => Math.abs(byte - rgb[i % 3]) <= 1),
    );
    return found?.[0] ?? "another";
  });
}

test("ImageNet's layout: splits, synsets with their names, pictures fitted as the model wants them", async () => {
  const train = await openDataset(join(folder, "imagenet"), { geometry, onCorrupt: () => {} });
  assert.equal(train.size, 16);
  assert.deepEqual(train.classNames, ["tench", "crane bird", "construction crane"]);
  assert.deepEqual([...train.labels.class.index], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
  const record = train.record(6);
  assert.deepEqual(record, {
    id: "n02012849/1.JPEG",
    caption: "crane bird",
    labels: { class: "crane bird", folder: "n02012849" },
  });
  const val = await openDataset(join(folder, "imagenet"), { geometry, split: "val" });
  assert.equal(val.size, 6);
  assert.notEqual(val.hash, train.hash);
  await assert.rejects(
    openDataset(join(folder, "imagenet"), { split: "test" }),
    /expected one of the splits train, val .*got "test"/,
  );

  const original = await val.original(3);
  assert.deepEqual([original.width, original.height], [30, 20]);
  assert.deepEqual(await val.pictures([3]), fitPicture(original, geometry));
  const other = await openDataset(join(folder, "imagenet"), { split: "val" });
  assert.deepEqual([other.pictureShape, other.hash === val.hash], [[224, 224, 3], false]);
});

test("names of a LOC_synset_mapping.txt beside the pictures go first, and two classes never share a name", async () => {
  const root = join(folder, "mapped");
  cpSync(join(folder, "imagenet", "val"), root, { recursive: true });
  const lines = ["n01440764 fish, tench", "n02012849 crane", "n03126707 crane, derrick"];
  await writeFile(join(root, "LOC_synset_mapping.txt"), `${lines.join("\n")}\n`);
  const dataset = await openDataset(root, { geometry });
  assert.deepEqual(dataset.classNames, ["fish", "crane (n02012849)", "crane, derrick (n03126707)"]);
  const all = imagenetNames();
  assert.deepEqual([all.size, new Set(all.values()).size, all.get("n02119022")], [1000, 1000, "red fox"]);
});

test("a file that cannot be read is named, skipped and counted, and the stream goes on; without a listener it throws", async () => {
  const told: string[] = [];
  const options = { geometry, onCorrupt: (id: string, reason: string) => told.push(`${id}: ${reason}`) };
  const dataset = await openDataset(join(folder, "imagenet"), options);
  const batches: PictureBatch[] = [];
  for await (const batch of streamPictures(dataset, { batch: 6 })) batches.push(batch);
  assert.deepEqual(
    batches.map(({ indices, skipped, next }) => [indices.length, skipped.length, next]),
    [
      [6, 0, 6],
      [5, 1, 12],
      [4, 0, 16],
    ],
  );
  assert.deepEqual(
    batches[1].skipped.map(({ index, id }) => [index, id]),
    [[10, "n02012849/broken.jpg"]],
  );
  assert.match(batches[1].skipped[0].reason, /n02012849\/broken\.jpg: expected a readable picture, got/);
  assert.deepEqual(batches[1].pictures.length, 5 * 192);
  assert.deepEqual(batches[1].pictures.subarray(4 * 192), await dataset.pictures([11]));
  const white = await dataset.pictures([10]);
  assert.ok(white.every((byte) => byte === 255));
  assert.equal(told.length, 1, "each file is told of once");
  const strict = await openDataset(join(folder, "imagenet"), { geometry });
  await assert.rejects(strict.pictures([9, 10]), /n02012849\/broken\.jpg: expected a readable picture/);
});

test("an order follows from its seed and epoch, has each picture once, and goes on from any position", async () => {
  const dataset = await openDataset(join(folder, "imagenet"), { geometry, onCorrupt: () => {} });
  const order = async (options: object, most = 99) => {
    const seen: number[] = [];
    let next = 0;
    for await (const batch of streamPictures(dataset, { batch: 5, ...options })) {
      seen.push(...batch.indices, ...batch.skipped.map(({ index }) => index));
      next = batch.next;
      if (--most === 0) break;
    }
    return { seen, next };
  };
  const whole = await order({ seed: 1 });
  assert.deepEqual(
    [...whole.seen].sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, i) => i),
  );
  assert.deepEqual((await order({ seed: 1 })).seen, whole.seen);
  assert.notDeepEqual((await order({ seed: 2 })).seen, whole.seen);
  assert.notDeepEqual((await order({ seed: 1, epoch: 1 })).seen, whole.seen);
  const first = await order({ seed: 1 }, 2);
  const rest = await order({ seed: 1, from: first.next });
  assert.deepEqual([...first.seen, ...rest.seen], whole.seen);
});

for (const [format, keys] of [
  ["ustar", ["dir/s0", "s1", `${"p".repeat(90)}/${"q".repeat(60)}`]],
  ["pax", ["dir/s0", `folder/${"a-very-long-name-".repeat(9)}`, "ümläut"]],
  ["gnu", ["dir/s0", `folder/${"a-very-long-name-".repeat(9)}`, "s2"]],
] as const) {
  test(`a tar shard in the ${format} format: samples with captions and classes, from .txt, .cls and .json`, async () => {
    const indexFolder = join(folder, "indices");
    const path = join(FIXTURES, `${format}-000.tar`);
    const open = () => openDataset(path, { geometry, indexFolder });
    for (const dataset of [await open(), await open()]) {
      const ids = Array.from({ length: dataset.size }, (_, i) => dataset.record(i).id);
      assert.deepEqual(
        ids,
        [...keys, "described", "damaged"].map((key) => `${format}-000.tar/${key}`),
      );
      assert.deepEqual(await colours(dataset), ["red", "green", "blue", "cyan", "unreadable"]);
      assert.deepEqual([...dataset.labels.class.index], [0, 1, 2, 2, 1]);
      assert.deepEqual(
        [dataset.record(1).caption, dataset.record(3).caption],
        ["a field of colour 1", "told by json"],
      );
    }
  });
}

test("shards by a range, a star or their folder are one set, with classes.txt beside them; a shard cut short is named", async () => {
  const shards = join(folder, "shards");
  mkdirSync(shards);
  for (const n of [0, 1]) await copyFile(join(FIXTURES, "gnu-000.tar"), join(shards, `train-00${n}.tar`));
  await writeFile(join(shards, "classes.txt"), "zero\none\ntwo\n");
  const options = { geometry, indexFolder: join(folder, "indices") };
  const [range, star, whole] = await Promise.all(
    ["train-{000..001}.tar", "train-*.tar", ""].map((name) => openDataset(join(shards, name), options)),
  );
  assert.deepEqual([range.size, range.hash === star.hash, star.hash === whole.hash], [10, true, true]);
  assert.deepEqual(range.classNames, ["zero", "one", "two"]);
  assert.deepEqual(range.blocks, [
    { first: 0, count: 5 },
    { first: 5, count: 5 },
  ]);
  assert.equal(range.record(8).id, "train-001.tar/described");
  utimesSync(join(shards, "train-001.tar"), 1, 1);
  assert.notEqual((await openDataset(shards, options)).hash, whole.hash);
  await writeFile(
    join(shards, "train-001.tar"),
    (await readFile(join(FIXTURES, "gnu-000.tar"))).subarray(0, 3000),
  );
  await assert.rejects(
    openDataset(shards, options),
    /train-001\.tar: expected a tar header at \d+, got a file that ends after 3000/,
  );
  await assert.rejects(openDataset(join(shards, "train-{000..003}.tar"), options), /got no .*train-002\.tar/);
  await assert.rejects(
    openDataset(join(shards, "none.tar"), options),
    /openDataset: expected emoji, a folder of pictures/,
  );
});

test("parquet files of Hugging Face's datasets, snappy and zstd: pictures, class names, captions, row by row across groups", async () => {
  const dataset = await openDataset(FIXTURES, { geometry });
  // The folder has tar shards as well; they go first.
  assert.equal(dataset.size, 15);
  const rows = await openDataset(join(FIXTURES, "train-*.parquet"), { geometry });
  assert.equal(rows.size, 10);
  assert.deepEqual(rows.classNames, ["even", "odd"]);
  assert.deepEqual([...rows.labels.class.index], [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]);
  const five = ["red", "green", "blue", "unreadable", "cyan"];
  assert.deepEqual(await colours(rows), [...five, ...five]);
  assert.deepEqual(rows.record(6), {
    id: "train-00001-of-00002.parquet/1",
    caption: "colour 1 “ä”",
    labels: { class: "odd", label: "odd" },
  });
  assert.deepEqual(
    rows.blocks?.map(({ count }) => count),
    [2, 2, 1, 2, 2, 1],
  );
});

test("the emoji are behind the same interface, as a stream too", async () => {
  const emoji = await openDataset("emoji");
  for await (const batch of streamPictures(emoji, { batch: 3, seed: 4, from: emoji.size - 4 })) {
    assert.deepEqual(batch.pictures, await emoji.pictures(batch.indices));
    assert.ok(batch.next === emoji.size - 1 || batch.next === emoji.size);
  }
  const one = await emoji.original(7);
  assert.deepEqual([one.width, one.height, one.data], [64, 64, await emoji.pictures([7])]);
});
