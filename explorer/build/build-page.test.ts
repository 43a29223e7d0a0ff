import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runInNewContext } from "node:vm";
import sharp from "sharp";
import {
  captionOf,
  type FeatureChunk,
  type FeatureColumns,
  type Manifest,
  PICTURE_COLUMNS,
  type PictureColumns,
  unpackRecord,
} from "../format/page-format";
import { HOSTILE, reducedWorld } from "../studies/reduced-world";
import { buildPage } from "./build-page";

const root = mkdtempSync(join(tmpdir(), "explorer-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** Runs a data file as the page would, and gives the record that it hands over. */
function recordOf(folder: string, name: string): object {
  let received: object = {};
  const vitrine = (got: string, record: object) => {
    assert.equal(got, name);
    // Through text, because what another context makes has other prototypes.
    received = JSON.parse(JSON.stringify(record)) as object;
  };
  runInNewContext(readFileSync(join(folder, "data", `${name}.js`), "utf8"), { vitrine });
  return received;
}

test("a page's files hold every column, and a picture is found in its sprite", async () => {
  const folder = join(root, "page");
  const world = reducedWorld();
  const seen: string[] = [];
  const manifest = await buildPage(folder, world, { chunk: 128, onProgress: (stage) => seen.push(stage) });
  assert.deepEqual([...new Set(seen)], ["pictures", "features"]);
  assert.deepEqual(recordOf(folder, "manifest") as Manifest, JSON.parse(JSON.stringify(manifest)));
  assert.equal(manifest.labelNames[1], HOSTILE);

  const columns = unpackRecord<FeatureColumns>(recordOf(folder, "columns"), [
    "density",
    "entropy",
    "picture",
  ]);
  assert.deepEqual(columns.density, world.features.columns.density);
  assert.deepEqual(columns.entropy, world.features.columns.entropy);
  const known = unpackRecord<PictureColumns>(recordOf(folder, "pictures"), PICTURE_COLUMNS);
  assert.equal(known.caption.length, manifest.pictures);

  // Feature 200 is in the second of three chunks; its second picture is row 203 mod 120.
  const chunk = unpackRecord<FeatureChunk>(recordOf(folder, "features-1"), [
    "pictures",
    "activations",
    "lens",
  ]);
  const at = (200 - 128) * manifest.top;
  const picture = chunk.pictures[at + 1];
  assert.equal(captionOf(known, picture), `${HOSTILE} 83`);
  assert.equal(known.label[picture], 83 % 3);
  assert.deepEqual([...chunk.activations.subarray(at, at + 4)], [9, 8, 7, 6]);
  const { columns: across, tile } = manifest.sprite;
  const pixel = await sharp(join(folder, "sprites", `${Math.floor(picture / across ** 2)}.webp`))
    .extract({
      left: tile * (picture % across) + tile / 2,
      top: tile * Math.floor((picture % across ** 2) / across) + tile / 2,
      width: 1,
      height: 1,
    })
    .raw()
    .toBuffer();
  assert.ok(Math.abs(pixel[0] - 2 * 83) <= 6, `grey ${2 * 83}, got ${pixel[0]}`);
  assert.equal(readdirSync(join(folder, "data")).filter((name) => name.startsWith("features-")).length, 3);
});

test("sheets of the same pictures are left as they are when a build goes on, and notes stay", async () => {
  const folder = join(root, "stopped");
  const world = reducedWorld();
  const read: number[] = [];
  const pictures = {
    ...world.pictures,
    pictures: (rows: ArrayLike<number>) => {
      read.push(rows.length);
      return world.pictures.pictures(rows);
    },
  };
  const stop = new AbortController();
  const onProgress = (_: string, done: number) => done === 100 && stop.abort(new Error("stopped"));
  await assert.rejects(
    buildPage(folder, { ...world, pictures }, { onProgress, signal: stop.signal }),
    /stopped/,
  );
  assert.deepEqual(read, [100]);
  writeFileSync(join(folder, "notes.json"), "mine");
  await buildPage(folder, { ...world, pictures });
  assert.deepEqual(read, [100, 20]);
  assert.equal(readFileSync(join(folder, "notes.json"), "utf8"), "mine");
  await buildPage(folder, { ...world, pictures }, { quality: 50 });
  assert.deepEqual(read, [100, 20, 100, 20], "another quality is another sheet");
});

test("a page replaces a page, and nothing else is ever deleted", async () => {
  const folder = join(root, "again");
  await buildPage(folder, reducedWorld(), { chunk: 64 });
  await buildPage(folder, reducedWorld(), { chunk: 256 });
  assert.ok(!existsSync(join(folder, "data", "features-4.js")));
  writeFileSync(join(folder, "notes.txt"), "mine");
  await assert.rejects(
    buildPage(folder, reducedWorld()),
    /explore: expected .* to be empty or a page, got .*notes\.txt/,
  );
  assert.equal(readFileSync(join(folder, "notes.txt"), "utf8"), "mine");
  assert.ok(existsSync(join(folder, "index.html")));

  const foreign = join(root, "foreign");
  mkdirSync(join(foreign, "data"), { recursive: true });
  writeFileSync(join(foreign, "data", "table.csv"), "mine");
  await assert.rejects(
    buildPage(foreign, reducedWorld()),
    /got data.table\.csv \(do: --out another folder\)/,
  );
  assert.ok(existsSync(join(foreign, "data", "table.csv")));
});
