import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { decodePicture, fitPicture } from "../io";
import { expectNoLeak } from "../tensor";
import { loadClip } from ".";

/** By name: the file, and what Hugging Face's slow processor and Emoji-CLIP in PyTorch make of it. */
interface Photograph {
  file: string;
  /** RGB bytes after resizing and cropping. */
  fitted: string;
  /** Unit norm. */
  embedding: number[];
}
const photographs = JSON.parse(
  gunzipSync(readFileSync(join(__dirname, "fixtures", "photographs.json.gz"))).toString("utf8"),
) as Record<string, Photograph>;

test("photographs have Hugging Face's pixels and embeddings", async () => {
  await expectNoLeak(async () => {
    const clip = await loadClip("emoji-clip");
    for (const [name, { file, fitted, embedding }] of Object.entries(photographs)) {
      const picture = await decodePicture(Buffer.from(file, "base64"), { name });
      const [got, wanted] = [fitPicture(picture, clip.preprocessor), Buffer.from(fitted, "base64")];
      assert.equal(got.length, wanted.length);
      const difference = got.reduce((sum, byte, i) => sum + Math.abs(byte - wanted[i]), 0) / got.length;
      assert.ok(difference < 0.05, `${name}: pixels are off by ${difference} of 255 on average`);
      const unit = await clip.embedPictures([picture]);
      const values = unit.dataSync() as Float32Array;
      const cosine = values.reduce((sum, value, i) => sum + value * embedding[i], 0);
      assert.ok(cosine > 0.99999, `${name}: the embeddings' cosine is ${cosine}`);
      unit.dispose();
    }
    clip.dispose();
  });
});
