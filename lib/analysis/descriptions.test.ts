import assert from "node:assert/strict";
import { test } from "node:test";
import { runWithCache, runWithHooks } from "../clip";
import { memorySource } from "../sae";
import { expectNoLeak, Random, type Tensor, tf } from "../tensor";
import { describeFeatures, scoreDescriptions } from "./descriptions";
import { D, F, N, pictureOf, pictures, tinyModels } from "./fixtures/tiny-world";
import { TopExamples } from "./top-examples";

const P = 8;
const HOOK = "blocks.0.hook_resid_post" as const;
/** Words of picture `row`: two of its own kind, one that all have, one that nobody shares. */
const textsOf = (row: number) => [`kind ${row % 2}`, `colour ${row % 3}`, "all", `only ${row}`];

const unit = (values: ArrayLike<number>) => {
  const length = Math.hypot(...Array.from(values));
  return Array.from(values, (value) => value / length);
};
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);
/** A made-up text tower: each text has a direction of its own. */
const embedded = (text: string) => {
  const random = new Random(text);
  return unit(Array.from({ length: P }, () => random.normal()));
};

function world() {
  const { clip, sae } = tinyModels();
  clip.embedTexts = async (texts) => tf.tensor2d(texts.map((text) => embedded(text)));
  const top = new TopExamples(F, 4);
  for (let feature = 0; feature < F - 1; feature++)
    for (let i = 0; i <= feature; i++) top.offer(feature, 1 + i / 4, (2 * feature + i) % N);
  const random = new Random("pictures");
  const data = Float32Array.from({ length: N * P }, () => random.normal());
  return { clip, sae, top, data, embeddings: memorySource(data, P) };
}

test("a description is the shared text that is nearest to a feature's pictures beyond what is near to all, as written out", async () => {
  const { clip, sae, top, data, embeddings } = world();
  const all = Array.from({ length: N }, (_, row) => unit(data.subarray(row * P, (row + 1) * P)));
  await expectNoLeak(async () => {
    const found = await describeFeatures({ clip, top, textsOf, embeddings, prompt: "a {}" });
    for (let feature = 0; feature < F; feature++) {
      const { rows, activations } = top.feature(feature);
      if (rows.length === 0) {
        assert.equal(found.description[feature], -1);
        assert.ok(Number.isNaN(found.similarity[feature]));
        continue;
      }
      const carried = [...rows].flatMap((row) => textsOf(row));
      const shared = [...new Set(carried)].filter(
        (text) => carried.indexOf(text) !== carried.lastIndexOf(text),
      );
      const scores = (rows.length > 1 ? shared : carried).map((text) => {
        const cosines = all.map((picture) => dot(embedded(`a ${text}`), picture));
        const mean = cosines.reduce((sum, value) => sum + value, 0) / N;
        const deviation = Math.sqrt(cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / N);
        const total = activations.reduce((sum, value) => sum + value, 0);
        const own = [...rows].reduce((sum, row, i) => sum + (cosines[row] * activations[i]) / total, 0);
        return { text, score: (own - mean) / deviation };
      });
      const best = scores.reduce((a, b) => (b.score > a.score ? b : a));
      assert.equal(found.texts[found.description[feature]], best.text);
      assert.ok(Math.abs(found.similarity[feature] - best.score) < 1e-3);
    }
    const seventh = found.description[3];
    const kept = [...found.embeddings.subarray(seventh * P, (seventh + 1) * P)];
    assert.ok(dot(kept, embedded(`a ${found.texts[seventh]}`)) > 0.9999);
  });
  clip.dispose();
  sae.dispose();
});

test("the score is the drop by the feature less the mean drop by others of the same length, one picture at a time", async () => {
  const { clip, sae, top, embeddings } = world();
  const shown = Array.from({ length: N }, (_, row) => pictureOf(row));
  const cache = await runWithCache(clip, { pictures: shown }, { hooks: [HOOK], tokens: "class" });
  const activations = memorySource(await cache[HOOK].data<"float32">(), D);
  const f = tf.tidy(() => sae.encode(cache[HOOK]).arraySync());
  const decoder = (await sae.weights.WDec.array()) as number[][];
  cache[HOOK].dispose();
  const descriptions = await describeFeatures({ clip, top, textsOf, embeddings, prompt: "a {}" });
  const drop = async (row: number, change: readonly number[], text: string) => {
    const run = async (by: readonly number[]) => {
      const hook = (stream: Tensor) => {
        const first = tf.tensor3d([...by, ...new Array(4 * D).fill(0)], [1, 5, D]);
        return stream.sub(first);
      };
      const { embedding } = await runWithHooks(clip, { pictures: [shown[row]] }, { hooks: { [HOOK]: hook } });
      const values = unit(await embedding.data());
      embedding.dispose();
      return dot(values, embedded(`a ${text}`));
    };
    return (await run(new Array(D).fill(0))) - (await run(change));
  };
  let result: Awaited<ReturnType<typeof scoreDescriptions>> | undefined;
  const options = { clip, sae, pictures, top, hookPoint: HOOK, activations, descriptions, randomFeatures: F };
  await expectNoLeak(async () => {
    result = await scoreDescriptions({
      ...options,
      features: [0, 2, 4, 5],
      batchSize: 2,
      picturesPerFeature: 2,
    });
  });
  for (const feature of [0, 2, 4]) {
    const text = descriptions.texts[descriptions.description[feature]];
    const { rows, activations: strengths } = top.feature(feature);
    const [own, random]: number[][] = [[], []];
    for (let i = 0; i < Math.min(2, rows.length); i++) {
      const scaled = (other: number, amount: number) => decoder[other].map((value) => amount * value);
      own.push(await drop(rows[i], scaled(feature, strengths[i]), text));
      for (let other = 0; other < F; other++) {
        if (other === feature || f[rows[i]][other] <= 0) continue;
        const length = (strengths[i] * Math.hypot(...decoder[feature])) / Math.hypot(...decoder[other]);
        random.push(await drop(rows[i], scaled(other, length), text));
      }
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.ok(random.length > 0);
    assert.ok(Math.abs((result?.score[feature] ?? 0) - (mean(own) - mean(random))) < 1e-4);
    assert.notEqual(result?.shuffled[feature], result?.score[feature]);
  }
  // Not asked for, and never firing.
  assert.ok(Number.isNaN(result?.score[1]) && Number.isNaN(result?.score[5]));
  clip.dispose();
  sae.dispose();
});
