import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { decodePicture, encodePng, type Picture, renderSvg, tilePictures } from "./images";

/** A picture whose every byte differs from its neighbours'. */
function pattern(width: number, height: number): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
  return { data, width, height, channels: 3 };
}

test("a picture comes back from PNG byte for byte", async () => {
  const picture = pattern(5, 3);
  const again = await decodePicture(await encodePng(picture));
  assert.deepEqual({ ...again, data: [...again.data] }, { ...picture, data: [...picture.data] });
});

test("grey pictures, grey with alpha and 16-bit pictures all become RGB bytes", async () => {
  const grey = await encodePng({ data: Uint8Array.of(0, 128, 255, 7), width: 2, height: 2, channels: 1 });
  assert.deepEqual([...(await decodePicture(grey)).data], [0, 0, 0, 128, 128, 128, 255, 255, 255, 7, 7, 7]);
  const alpha = await sharp(Buffer.of(0, 255, 0, 0), { raw: { width: 2, height: 1, channels: 2 } })
    .png()
    .toBuffer();
  assert.deepEqual([...(await decodePicture(alpha)).data], [0, 0, 0, 255, 255, 255]);
  const deep = await sharp(grey).toColourspace("rgb16").png().toBuffer();
  assert.deepEqual([...(await decodePicture(deep)).data.subarray(3, 6)], [128, 128, 128]);
});

test("transparent pixels lie on white, or on the background that is asked for", async () => {
  const raw = { raw: { width: 2, height: 1, channels: 4 as const } };
  const file = await sharp(Buffer.of(200, 0, 0, 255, 9, 9, 9, 0), raw)
    .png()
    .toBuffer();
  assert.deepEqual([...(await decodePicture(file)).data], [200, 0, 0, 255, 255, 255]);
  const onBlue = await decodePicture(file, { background: "#0000ff" });
  assert.deepEqual([...onBlue.data], [200, 0, 0, 0, 0, 255]);
});

test("a photograph is turned as its EXIF orientation says", async () => {
  const { data } = pattern(4, 2);
  const raw = { raw: { width: 4, height: 2, channels: 3 as const } };
  const file = await sharp(data, raw).withMetadata({ orientation: 6 }).png().toBuffer();
  const { width, height, data: turned } = await decodePicture(file);
  assert.deepEqual([width, height], [2, 4]);
  // Orientation 6: a quarter turn clockwise, so the lower left corner comes to the upper left.
  assert.deepEqual([...turned.subarray(0, 3)], [...data.subarray(4 * 3, 4 * 3 + 3)]);
});

test("a corrupt, empty or missing file is named in the error", async () => {
  const dir = await mkdtemp(join(tmpdir(), "vitrine-images-"));
  try {
    const png = await encodePng(pattern(40, 40));
    const files = {
      "cut.png": png.subarray(0, png.length / 2),
      "text.jpg": Buffer.from("no"),
      "none.png": Buffer.of(),
    };
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(join(dir, name), bytes);
      await assert.rejects(decodePicture(join(dir, name)), (error: Error) => {
        assert.ok(error.message.startsWith(`${join(dir, name)}: expected a `), error.message);
        return true;
      });
    }
    await assert.rejects(
      decodePicture(join(dir, "lost.png")),
      /lost\.png: expected a picture file, got ENOENT/,
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("a picture with more pixels than allowed is refused before it is decoded", async () => {
  const png = await encodePng(pattern(40, 40));
  assert.equal((await decodePicture(png, { maxPixels: 1600 })).width, 40);
  await assert.rejects(
    decodePicture(png, { maxPixels: 1599 }),
    /^Error: picture: expected a readable picture, got .*pixel limit/,
  );
});

test("encodePng refuses bytes that do not fill the picture", async () => {
  const wrong = { ...pattern(2, 2), width: 3 };
  await assert.rejects(encodePng(wrong), /expected 3 x 2 x 3 = 18 bytes, got 12/);
});

test("a grid puts pictures row by row with white gaps, enlarged by whole pixels", () => {
  const colour = (r: number, g: number, b: number): Picture => ({
    data: Uint8Array.of(r, g, b),
    width: 1,
    height: 1,
    channels: 3,
  });
  const three = [colour(1, 0, 0), colour(2, 0, 0), colour(3, 0, 0)];
  const grid = tilePictures(three, { columns: 2, gap: 1, scale: 2 });
  assert.deepEqual([grid.width, grid.height], [5, 5]);
  const red = Array.from({ length: 5 }, (_, y) =>
    Array.from({ length: 5 }, (_, x) => grid.data[(y * 5 + x) * 3]),
  );
  assert.deepEqual(red, [
    [1, 1, 255, 2, 2],
    [1, 1, 255, 2, 2],
    [255, 255, 255, 255, 255],
    [3, 3, 255, 255, 255],
    [3, 3, 255, 255, 255],
  ]);
});

test("a grid of no pictures, mixed sizes or half columns is refused", () => {
  assert.throws(() => tilePictures([]), /at least one picture/);
  assert.throws(
    () => tilePictures([pattern(1, 1), pattern(2, 1)]),
    /picture 1 to be 1 x 1 x 3, got 2 x 1 x 3/,
  );
  assert.throws(() => tilePictures([pattern(1, 1)], { columns: 1.5 }), /columns to be a whole number >= 1/);
});

test("a wide SVG drawing is centred on white with its aspect kept", async () => {
  const body = '<rect x="10" y="20" width="40" height="20" fill="#ff0000"/>';
  const data = await renderSvg({ body, left: 10, top: 20, width: 40, height: 20 }, 8);
  const rows = Array.from({ length: 8 }, (_, y) => [...data.subarray(y * 24, y * 24 + 24)]);
  const white = new Array(24).fill(255);
  const redRow = new Array(8).fill([255, 0, 0]).flat();
  assert.deepEqual(rows, [white, white, redRow, redRow, redRow, redRow, white, white]);
});
