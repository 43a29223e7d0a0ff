/** Of a process without TensorFlow: then libvips decodes. picture-forms.test.ts has the same with TensorFlow's decoder. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import sharp from "sharp";
import { fitPicture } from "./fit-picture";
import { fittedJpeg } from "./fitted-jpeg";
import { decodePicture } from "./images";

const geometry = {
  do_resize: true,
  size: { shortest_edge: 24 },
  resample: 3,
  do_center_crop: true,
  crop_size: { height: 24, width: 24 },
};

test("a JPEG is decoded by the calling thread as sharp decodes it, also where no TensorFlow is loaded", async () => {
  const [width, height] = [61, 47];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i) >> 4);
  for (const chromaSubsampling of ["4:4:4", "4:2:0"]) {
    const picture = sharp(data, { raw: { width, height, channels: 3 } });
    const file = await picture.jpeg({ chromaSubsampling }).toBuffer();
    const here = fittedJpeg(file, geometry);
    if (process.platform === "linux") assert.ok(here);
    if (here) assert.deepEqual(here, fitPicture(await decodePicture(file), geometry));
    assert.equal(fittedJpeg(file.subarray(0, 0.6 * file.length), geometry), undefined);
  }
  const maps = "/proc/self/maps";
  if (existsSync(maps)) assert.doesNotMatch(readFileSync(maps, "utf8"), /libtensorflow/);
});
