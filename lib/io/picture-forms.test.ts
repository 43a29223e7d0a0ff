import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Random } from "../tensor";
import { fitPicture, type PictureGeometry } from "./fit-picture";
import { fittedJpeg } from "./fitted-jpeg";
import { decodePicture } from "./images";
import { resampleRegion } from "./resample";

interface Forms {
  /** Files by name, base64. */
  files: Record<string, string>;
  /** What Pillow makes of each: its pixels, and after Hugging Face's resize and crop to 24, base64 RGB; how far ours may be off on average, of 255. */
  expected: Record<string, { width: number; height: number; pixels: string; fitted: string; bound: number }>;
  /** Resizing alone: the same noise to many sizes by every filter. */
  noise: { width: number; height: number; pixels: string };
  resized: { width: number; height: number; resample: number; pixels: string }[];
}
const forms = JSON.parse(
  gunzipSync(readFileSync(join(__dirname, "fixtures", "picture-forms.json.gz"))).toString("utf8"),
) as Forms;
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const geometry: PictureGeometry = {
  do_resize: true,
  size: { shortest_edge: 24 },
  resample: 3,
  do_center_crop: true,
  crop_size: { height: 24, width: 24 },
};

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}

for (const [name, { width, height, pixels, fitted, bound }] of Object.entries(forms.expected)) {
  test(`a file of this form has Pillow's pixels, as it is and fitted for a model: ${name}`, async () => {
    const picture = await decodePicture(bytes(forms.files[name]), { name });
    assert.deepEqual([picture.width, picture.height], [width, height]);
    const [plain, small] = [
      meanDifference(picture.data, bytes(pixels)),
      meanDifference(fitPicture(picture, geometry), bytes(fitted)),
    ];
    assert.ok(
      plain <= bound && small <= bound,
      `mean differences ${plain} and ${small} of 255, at most ${bound}`,
    );
  });
}

test("a JPEG that is decoded by the calling thread is the same to the bit; turned, grey, damaged and other files are left to sharp", async () => {
  const taken: string[] = [];
  for (const [name, text] of Object.entries(forms.files)) {
    const here = fittedJpeg(bytes(text), geometry);
    if (!here) continue;
    taken.push(name);
    assert.deepEqual(here, fitPicture(await decodePicture(bytes(text), { name }), geometry), name);
  }
  // Other systems have no such libvips, and sharp takes all.
  const expected = ["plain.jpg", "subsampled.jpg", "progressive.jpg", "profile.jpg"];
  assert.deepEqual(taken, process.platform === "linux" ? expected : []);
  const whole = bytes(forms.files["plain.jpg"]);
  assert.equal(fittedJpeg(whole.subarray(0, 0.6 * whole.length), geometry), undefined);
  assert.equal(fittedJpeg(whole.subarray(0, 12), geometry), undefined);
});

test("resizing is Pillow's to the bit, larger and smaller, by every filter", () => {
  const noise = { ...forms.noise, data: bytes(forms.noise.pixels) };
  for (const { width, height, resample, pixels } of forms.resized) {
    const got = resampleRegion(noise, { width, height }, { left: 0, top: 0, width, height }, resample);
    assert.deepEqual(got, bytes(pixels), `${width} x ${height} by filter ${resample}`);
    const part = { left: 2, top: 1, width: width - 3, height: height - 2 };
    const cut = resampleRegion(noise, { width, height }, part, resample);
    const row = (y: number) => got.subarray(((y + 1) * width + 2) * 3, ((y + 1) * width + width - 1) * 3);
    for (let y = 0; y < part.height; y++)
      assert.deepEqual(cut.subarray(y * part.width * 3, (y + 1) * part.width * 3), row(y));
  }
});

test("a file of any form that ends too soon is named in the error, and so is what is no picture", async () => {
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><rect width="8" height="4" fill="red"/></svg>',
  );
  const { data, width, height } = await decodePicture(svg);
  assert.deepEqual([width, height, ...data.subarray(0, 3)], [8, 4, 255, 0, 0]);
  const files = Object.entries(forms.files).map(([name, text]) => [name, bytes(text)] as const);
  for (const [name, whole] of [...files, ["drawing.svg", svg] as const]) {
    for (const share of [0.05, 0.3, 0.6, 0.9]) {
      const part = whole.subarray(0, Math.floor(whole.length * share));
      await assert.rejects(
        decodePicture(part, { name }),
        ({ message }: Error) => message.startsWith(`${name}: expected a readable picture, got`),
        `${name}, ${100 * share}% of it`,
      );
    }
  }
  await assert.rejects(
    decodePicture(Buffer.from("not a picture"), { name: "x.jpg" }),
    /x\.jpg: expected a readable picture/,
  );
});

test("a file with wrong bytes in it is a picture or is named, whatever its form", async () => {
  const random = new Random("wrong bytes");
  const [good, bad] = [new Set<string>(), new Set<string>()];
  for (const [name, text] of Object.entries(forms.files)) {
    for (let round = 0; round < 8; round++) {
      const file = bytes(text);
      for (let n = 0; n < 3; n++)
        file[Math.floor(random.uniform() * file.length)] = Math.floor(256 * random.uniform());
      try {
        const { data, width, height } = await decodePicture(file, { name });
        assert.equal(data.length, width * height * 3);
        good.add(name);
      } catch (error) {
        const { message } = error as Error;
        assert.ok(message.startsWith(`${name}: expected a readable picture, got`), message);
        bad.add(name);
      }
    }
  }
  assert.ok(good.size > 5 && bad.size > 15, "both happened");
});
