/** Live answers beside the same numbers computed by hand, with the shipped model and SAE. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { patchHeatmap, TopExamples } from "../../lib/analysis";
import { type Clip, loadClip, runWithHooks } from "../../lib/clip";
import { type Dataset, openDataset, readPictures } from "../../lib/datasets";
import { encodePng } from "../../lib/io";
import { loadSae, memorySource, type Sae } from "../../lib/sae";
import { type Tensor, type Tensor2D, tf, unitRows } from "../../lib/tensor";
import { LiveModels } from "./live";

const hookPoint = "blocks.4.hook_resid_post";
const prompt = "an emoji of {}";
/** Rows of the data set that the page's pictures are. */
const ROWS = [5, 900, 4000];
const NAMES = ["face-smiling", "heart", "cat-face"];

let clip: Clip;
let sae: Sae;
let emoji: Dataset;
let live: LiveModels;
const top = new TopExamples(3072, 2);
top.offer(7, 2, 0);
top.offer(7, 1, 1);
top.offer(9, 1, 2);

before(async () => {
  clip = await loadClip("emoji-clip");
  sae = await loadSae("emoji-sae");
  emoji = await openDataset("emoji", { geometry: clip.preprocessor });
  const labels = { names: NAMES, index: new Int32Array(emoji.size) };
  const study = { clip, sae, pictures: emoji, labels, statistics: { top } };
  // Rows 0, 1 and 2 lie as texts of an apple, a hand and a moon do.
  const texts = await clip.embedTexts(["an emoji of red apple", "an emoji of hand", "an emoji of moon"]);
  const embeddings = memorySource((await texts.mul(3).data<"float32">()).slice(), 192);
  texts.dispose();
  live = await LiveModels.open(study, embeddings, { hookPoint, prompt, rows: ROWS });
});
after(() => {
  live.dispose();
  clip.dispose();
  sae.dispose();
});

/** Probabilities of the names by the model as it is, or with class tokens [1, D] changed on the way: written out. */
async function probabilities(row: number, change?: (x: Tensor) => Tensor): Promise<number[]> {
  const pictures = await readPictures(emoji, [row], clip.preprocessor);
  const replace = (stream: Tensor) =>
    tf.tidy(() => {
      const x = stream.slice([0, 0, 0], [1, 1, -1]).reshape([1, -1]);
      return tf.concat([change!(x).expandDims(1), stream.slice([0, 1, 0], [-1, -1, -1])], 1);
    });
  const hooks = change ? { [hookPoint]: replace } : {};
  const { embedding } = await runWithHooks(clip, { pictures }, { hooks });
  const texts = await clip.embedTexts([
    "an emoji of face smiling",
    "an emoji of heart",
    "an emoji of cat face",
  ]);
  const cosines = await tf
    .tidy(() => tf.matMul(texts as Tensor2D, unitRows(embedding) as Tensor2D, false, true))
    .data();
  const scale = Math.exp((await clip.parameters.logit_scale.data())[0]);
  const powers = Array.from(cosines, (cosine) => Math.exp(scale * cosine));
  return powers.map((power) => power / powers.reduce((sum, other) => sum + other, 0));
}

function near(got: readonly number[], wanted: readonly number[], bound = 1e-3): void {
  assert.equal(got.length, wanted.length);
  got.forEach((value, i) => {
    assert.ok(Math.abs(value - wanted[i]) < bound, `${i}: ${value}, expected ${wanted[i]}`);
  });
}

test("a page's picture and the same one uploaded get the same features and probabilities, those of the model", async () => {
  const before = tf.memory().numTensors;
  const picked = await live.pick(1);
  const { data, width, height } = await emoji.original(900);
  const uploaded = await live.upload(await encodePng({ data, width, height, channels: 3 }));
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual(uploaded, picked);
  assert.ok(picked.active > 0 && picked.active <= 32 && picked.features.length === picked.active);
  const values = picked.features.map(({ activation }) => activation);
  assert.deepEqual(
    values,
    [...values].sort((a, b) => b - a),
  );
  assert.match(picked.image, /^data:image\/png;base64,/);
  near(picked.original, await probabilities(900));
  near(picked.spliced, await probabilities(900, (x) => sae.reconstruct(x)));
});

test("factors multiply activations in the model's own token, and factors of one change nothing", async () => {
  const { id, features, original } = await live.pick(2);
  near(await live.edit(id, new Map([[features[0].feature, 1]])), original, 1e-4);
  const [first, second] = features;
  const before = tf.memory().numTensors;
  const edited = await live.edit(
    id,
    new Map([
      [first.feature, 0],
      [second.feature, 3],
    ]),
  );
  assert.equal(tf.memory().numTensors, before);
  const direction = (feature: number) => sae.weights.WDec.slice([feature, 0], [1, -1]);
  const wanted = await probabilities(4000, (x) =>
    x
      .sub(direction(first.feature).mul(first.activation))
      .add(direction(second.feature).mul(2 * second.activation)),
  );
  near(edited, wanted);
  assert.ok(Math.max(...edited.map((value, i) => Math.abs(value - original[i]))) > 1e-3, "something moves");
});

test("heatmaps are those of each feature by itself", async () => {
  const { id, features } = await live.pick(0);
  const { side, drops } = await live.heatmaps(id);
  assert.deepEqual([side, drops.length], [6, features.length]);
  const [picture] = await readPictures(emoji, [5], clip.preprocessor);
  const { feature } = features[1];
  const alone = await patchHeatmap(picture, { clip, sae, hookPoint, feature, window: 2 });
  near(drops[1], [...alone.drops], 1e-4);
});

test("words find the features whose strongest pictures are nearest, by the mean cosine", async () => {
  const { text, features, similarities } = await live.search("red apple");
  assert.equal(text, "an emoji of red apple");
  const texts = await clip.embedTexts([text, "an emoji of hand", "an emoji of moon"]);
  const [apple, hand, moon] = (await texts.array()) as number[][];
  texts.dispose();
  const cosine = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  assert.equal(features[0], 7);
  near([similarities[0]], [(1 + cosine(apple, hand)) / 2], 1e-4);
  near([similarities[features.indexOf(9)]], [cosine(apple, moon)], 1e-4);
});

test("what is no picture, too large, or unknown is refused in words", async () => {
  await assert.rejects(
    live.upload(Buffer.from("GIF89a, or not")),
    /^Error: picture: expected a readable picture/,
  );
  await assert.rejects(
    live.upload(Buffer.alloc(0)),
    /^Error: picture: expected a picture, got an empty file/,
  );
  const huge = sharp({ create: { width: 8000, height: 8000, channels: 3, background: "white" } });
  await assert.rejects(
    live.upload(await huge.png().toBuffer()),
    /expected a readable picture, got .*pixel limit/,
  );
  await assert.rejects(live.pick(3), /^Error: picture: expected a number from 0 to 2, got 3/);
  await assert.rejects(live.pick(Number.NaN), /got NaN/);
  await assert.rejects(
    live.edit("x", new Map()),
    /expected one of the last 32, got another \(do: choose it again\)/,
  );
});
