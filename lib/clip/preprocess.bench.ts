/** `npm run bench -- preprocess`: JPEG files to normalised pixels, pictures a second of one core's time, beside Pillow + Hugging Face's processor. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { openImageFolder, streamPictures } from "../datasets";
import { decodePicture, fitPicture, fittedJpeg } from "../io";
import { Random } from "../tensor";
import { parseClipConfig } from "./config";
import { normalisePatches, preprocessorConfig } from "./preprocess";

const SECONDS = 4;
const config = preprocessorConfig(224);
const VISION = parseClipConfig(
  { projection_dim: 768, vision_config: { image_size: 224, patch_size: 14 }, text_config: {} },
  "bench",
).vision_config;

/** Photograph-like pictures: soft blobs of many sizes and a little grain, in ImageNet's usual size. */
async function writePictures(folder: string, count: number): Promise<void> {
  const [width, height] = [500, 375];
  for (let n = 0; n < count; n++) {
    const random = new Random(`bench/${n}`);
    const blobs = Array.from({ length: 24 }, () => ({
      x: random.uniform() * width,
      y: random.uniform() * height,
      r: 10 + 120 * random.uniform() ** 2,
      colour: [0, 1, 2].map(() => 255 * random.uniform()),
    }));
    const data = new Uint8ClampedArray(width * height * 3);
    for (let i = 0; i < width * height; i++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      let total = 0.01;
      let sums = [1, 1, 1];
      for (const { x: cx, y: cy, r, colour } of blobs) {
        const weight = Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r));
        total += weight;
        sums = sums.map((sum, c) => sum + weight * colour[c]);
      }
      sums.forEach((sum, c) => {
        data[i * 3 + c] = sum / total + 24 * (random.uniform() - 0.5);
      });
    }
    const jpeg = sharp(data, { raw: { width, height, channels: 3 } }).jpeg({ quality: 90 });
    await writeFile(join(folder, `${n}.jpg`), await jpeg.toBuffer());
  }
}

/** Runs of `work`, one picture each, in a second of this process's user and system time. */
async function perCpuSecond(work: (i: number) => Promise<void>): Promise<number> {
  for (let i = 0; i < 24; i++) await work(i);
  const [before, began] = [process.cpuUsage(), performance.now()];
  let done = 0;
  while (performance.now() - began < SECONDS * 1000) await work(done++);
  const { user, system } = process.cpuUsage(before);
  return done / ((user + system) / 1e6);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-bench-"));
  sharp.concurrency(1);
  sharp.cache(false);
  try {
    await writePictures(folder, 12);
    const files = (await readdir(folder)).map((name) => join(folder, name));
    const decoded = await Promise.all(files.map(async (file) => await decodePicture(await readFile(file))));
    const print = (what: string, rate: number) =>
      console.log(
        `${what.padEnd(58)} ${rate.toFixed(0).padStart(5)} pictures a core's second, ${(1000 / rate).toFixed(2)} ms each`,
      );
    console.log(`JPEG of 500 x 375 to 224 x 224, ${files.length} pictures, ${SECONDS} s a row`);
    // A batch at a time, as a model is fed, by one thread that does nothing else, as those of lib/datasets.
    const batch = async (fit: (bytes: Uint8Array) => Promise<Uint8Array>) => {
      const crops: Uint8Array[] = [];
      for (const file of files) crops.push(await fit(readFileSync(file)));
      normalisePatches(Buffer.concat(crops), config, VISION).dispose();
    };
    const bySharp = async (bytes: Uint8Array) => fitPicture(await decodePicture(bytes), config);
    const whole =
      files.length *
      (await perCpuSecond(() => batch(async (bytes) => fittedJpeg(bytes, config) ?? (await bySharp(bytes)))));
    print("decode, resize, crop, normalise, cut into patches", whole);
    print(
      "  the same through sharp's own pipeline",
      files.length * (await perCpuSecond(() => batch(bySharp))),
    );
    const bytes = await Promise.all(files.map((file) => readFile(file)));
    print(
      "  decoding, resizing and cropping alone",
      await perCpuSecond(async (i) => void fittedJpeg(bytes[i % files.length], config)),
    );
    print(
      "  decoding alone, through sharp's own pipeline",
      await perCpuSecond(async (i) => void (await decodePicture(bytes[i % files.length]))),
    );
    print(
      "  resizing and cropping alone (Pillow's, to the bit)",
      await perCpuSecond(async (i) => void fitPicture(decoded[i % decoded.length], config)),
    );
    const crops = Buffer.concat(decoded.map((picture) => fitPicture(picture, config)));
    print(
      "  normalising and cutting into patches alone",
      files.length * (await perCpuSecond(async () => normalisePatches(crops, config, VISION).dispose())),
    );
    const shrunk = await perCpuSecond(async (i) => {
      await sharp(files[i % files.length])
        .resize(224, 224, { fit: "cover", kernel: "cubic" })
        .removeAlpha()
        .raw()
        .toBuffer();
    });
    print("  for comparison: sharp's own decoding and resizing", shrunk);
    await report(files, decoded);
    await throughput(folder, 600);
    const python = process.env.VITRINE_REFERENCE_PYTHON;
    if (!python) return console.log("VITRINE_REFERENCE_PYTHON is not set: nothing to compare with");
    const script = join(__dirname, "..", "io", "fixtures", "bench_pictures.py");
    const printed = execFileSync(python, [script, folder, String(SECONDS)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const theirs = Number(printed.trim());
    print("Pillow + Hugging Face's processor", theirs);
    console.log(`ratio ${(whole / theirs).toFixed(2)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How far sharp's own kernels are from Pillow's pixels, on average, of 255. */
async function report(
  files: readonly string[],
  decoded: readonly { data: Uint8Array; width: number; height: number }[],
) {
  for (const kernel of ["cubic", "lanczos3", "mitchell"] as const) {
    let [sum, count] = [0, 0];
    for (const [i, file] of files.entries()) {
      const own = fitPicture(decoded[i], config);
      const theirs = await sharp(file, { ignoreIcc: true })
        .resize(Math.trunc((224 * 500) / 375), 224, { fit: "fill", kernel, fastShrinkOnLoad: false })
        .extract({ left: 37, top: 0, width: 224, height: 224 })
        .removeAlpha()
        .raw()
        .toBuffer();
      for (let b = 0; b < own.length; b++) sum += Math.abs(own[b] - theirs[b]);
      count += own.length;
    }
    console.log(
      `  sharp's ${kernel} differs from Pillow's bicubic by ${(sum / count).toFixed(3)} of 255 on average`,
    );
  }
}

/** All cores, ahead of a consumer, as the activation store reads them; memory at its start and end. */
async function throughput(folder: string, pictures: number): Promise<void> {
  const dataset = await openImageFolder(folder, { geometry: config });
  const pass = async (count: number) => {
    for (let done = 0; done < count; )
      for await (const { indices } of streamPictures(dataset, { batch: 4 })) done += indices.length;
  };
  await pass(pictures / 4);
  const [memory, began] = [process.memoryUsage.rss(), performance.now()];
  await pass(pictures);
  const seconds = (performance.now() - began) / 1000;
  const grown = (process.memoryUsage.rss() - memory) / 1e6;
  console.log(
    `  in threads: ${(pictures / seconds).toFixed(0)} pictures/s on all cores; memory ${(memory / 1e6).toFixed(0)} MB, ${grown.toFixed(0)} MB more ${pictures} pictures later`,
  );
}

main();
