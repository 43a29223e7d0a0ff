import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fitPicture } from "../io";
import { expectNoLeak, tf } from "../tensor";
import {
  CLIP_MEAN,
  CLIP_STD,
  normalisePatches,
  normalisePixels,
  parseClipConfig,
  preprocessorConfig,
  toPatches,
} from ".";

const TINY = JSON.parse(readFileSync(join(__dirname, "fixtures", "tiny", "config.json"), "utf8"));

/** A picture whose red channel is its column and whose green channel is its row. */
function ramp(width: number, height: number) {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set([x, y, 100], (y * width + x) * 3);
  }
  return { data, width, height };
}

test("a wide picture is cropped to its middle, a tall one too", async () => {
  const wide = await fitPicture(ramp(60, 20), preprocessorConfig(20));
  assert.equal(wide.length, 20 * 20 * 3);
  assert.deepEqual([wide[0], wide[1], wide[2]], [20, 0, 100]);
  const tall = await fitPicture(ramp(20, 60), preprocessorConfig(20));
  assert.deepEqual([tall[0], tall[1]], [0, 20]);
});

test("the shorter side is resized to the edge, smoothly", async () => {
  const small = await fitPicture(ramp(80, 80), preprocessorConfig(20));
  for (let x = 1; x < 19; x++) {
    const expected = 4 * x + 1.5; // the mean of the four columns that become one
    assert.ok(Math.abs(small[(10 * 20 + x) * 3] - expected) <= 1, `column ${x}: ${small[(10 * 20 + x) * 3]}`);
  }
});

test("a picture that has the size already keeps its bytes", async () => {
  const picture = ramp(20, 20);
  assert.deepEqual(await fitPicture(picture, preprocessorConfig(20)), picture.data);
});

test("bytes are scaled to 0 … 1, then normalised channel by channel", async () => {
  await expectNoLeak(() => {
    const tensor = normalisePixels(Uint8Array.of(0, 128, 255), preprocessorConfig(1));
    const values = tensor.dataSync();
    [0, 128 / 255, 1].forEach((value, c) => {
      assert.ok(Math.abs(values[c] - (value - CLIP_MEAN[c]) / CLIP_STD[c]) < 1e-5);
    });
    tensor.dispose();
  });
});

test("bytes become the patches that normalised pixels are cut into, also where patches leave a rest", async () => {
  await expectNoLeak(() => {
    for (const [image_size, patch_size] of [
      [24, 8],
      [23, 5],
    ]) {
      const config = preprocessorConfig(image_size);
      const vision = parseClipConfig(
        { ...TINY, vision_config: { ...TINY.vision_config, image_size, patch_size } },
        "test",
      ).vision_config;
      const bytes = Uint8Array.from({ length: 2 * image_size ** 2 * 3 }, (_, i) => (i * 37 + (i >> 5)) & 255);
      const [got, wanted] = [
        normalisePatches(bytes, config, vision),
        tf.tidy(() => toPatches(normalisePixels(bytes, config), vision)),
      ];
      normalisePatches(
        bytes.map((byte) => 255 - byte),
        config,
        vision,
      ).dispose(); // leaves the others alone
      assert.deepEqual(got.shape, wanted.shape);
      assert.deepEqual(got.dataSync(), wanted.dataSync());
      tf.dispose([got, wanted]);
      assert.throws(
        () => normalisePatches(bytes.subarray(1), config, vision),
        /cutPatches: expected pictures of/,
      );
    }
  });
});
