import assert from "node:assert/strict";
import { test } from "node:test";
import { runWithCache } from "../clip";
import { expectNoLeak } from "../tensor";
import { visualiseFeature } from "./feature-visualisation";
import { F, pictureOf, tinyModels } from "./fixtures/tiny-world";
import { patchHeatmap, patchHeatmaps } from "./patch-heatmap";

const hookPoint = "blocks.1.hook_resid_post";

test("ascent raises the feature's activation far above what pictures give, the same for the same seed, and leaves nothing behind", async () => {
  const { clip, sae } = tinyModels();
  await expectNoLeak(async () => {
    const seen: number[] = [];
    const options = { clip, sae, hookPoint, feature: 2, steps: 40, totalVariation: 0.1 };
    const found = await visualiseFeature({ ...options, onStep: ({ activation }) => seen.push(activation) });
    assert.equal(seen.length, 40);
    assert.ok(seen[39] > seen[0] + 1, `${seen[0]} to ${seen[39]}`);
    assert.equal(found.picture.data.length, 16 * 16 * 3);
    const again = await visualiseFeature({ ...options, frameSteps: [1, 40] });
    assert.deepEqual(again.picture.data, found.picture.data);
    assert.deepEqual(
      again.frames.map(({ step }) => step),
      [1, 40],
    );
    assert.deepEqual(again.frames[1].picture, found.picture);
    assert.notDeepEqual(again.frames[0].picture, found.picture);
    // View by view the sums are the same but for rounding.
    const single = await visualiseFeature({ ...options, tokensAtOnce: 1 });
    assert.ok(Math.abs(single.activation - found.activation) < 1e-3 * found.activation);
    const other = await visualiseFeature({ ...options, seed: 7 });
    assert.notDeepEqual(other.picture.data, found.picture.data);
    await assert.rejects(
      visualiseFeature({ ...options, feature: F }),
      /expected a feature from 0 to 5, got 6/,
    );
    await assert.rejects(
      visualiseFeature({ ...options, signal: AbortSignal.abort(new Error("enough")) }),
      /enough/,
    );
  });
  clip.dispose();
  sae.dispose();
});

test("a heatmap is what covering each patch takes from the activation", async () => {
  const { clip, sae } = tinyModels();
  await expectNoLeak(async () => {
    const activation = async (covered?: number) => {
      const patches = await clip.patches([pictureOf(3)]);
      const mask = new Float32Array(4).fill(1);
      if (covered !== undefined) mask[covered] = 0;
      const input = patches.mul([[...mask].map((value) => [value])]);
      const cache = await runWithCache(clip, { patches: input }, { hooks: [hookPoint], tokens: "class" });
      const f = sae.encode(cache[hookPoint]);
      const values = [...(await f.data())];
      for (const tensor of [patches, input, cache[hookPoint], f]) tensor.dispose();
      return values;
    };
    const whole = await activation();
    const feature = whole.indexOf(Math.max(...whole));
    const heatmap = await patchHeatmap(pictureOf(3), { clip, sae, hookPoint, feature, batchSize: 2 });
    assert.equal(heatmap.side, 2);
    assert.ok(Math.abs(heatmap.activation - whole[feature]) < 1e-5);
    for (let patch = 0; patch < 4; patch++) {
      const drop = whole[feature] - (await activation(patch))[feature];
      assert.ok(Math.abs(heatmap.drops[patch] - drop) < 1e-5, `patch ${patch}`);
    }
    const all = await patchHeatmap(pictureOf(3), { clip, sae, hookPoint, feature, window: 2 });
    assert.ok(all.drops.every((drop) => drop === all.drops[0]));
    await assert.rejects(
      patchHeatmap(pictureOf(3), { clip, sae, hookPoint, feature, window: 3 }),
      /window of 1 to 2/,
    );
    // In the same batches, so to the bit: in others the last one differs on some processors.
    const both = await patchHeatmaps(pictureOf(3), {
      clip,
      sae,
      hookPoint,
      features: [4, feature],
      batchSize: 2,
    });
    for (let patch = 0; patch < 4; patch++) {
      const without = await activation(patch);
      assert.ok(Math.abs(both[0].drops[patch] - (whole[4] - without[4])) < 1e-5, `patch ${patch}`);
    }
    assert.deepEqual(both[1].drops, heatmap.drops);
    await assert.rejects(
      patchHeatmap(pictureOf(3), { clip, sae, hookPoint, feature, stride: 2 }),
      /stride of 1 to 1/,
    );
  });
  clip.dispose();
  sae.dispose();
});
