import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { patchHeatmap } from "../../lib/analysis";
import { runWithCache } from "../../lib/clip";
import { readPictures } from "../../lib/datasets";
import type { RgbPicture } from "../../lib/io";
import { Random, type Tensor2D, tf } from "../../lib/tensor";
import type { ExplorerStudy } from "../explore";
import { smallStudy } from "../studies/small-study";
import { featureHeatmaps } from "./heatmaps";
import { keptColumns } from "./kept-columns";
import { visualisedFeatures } from "./visualised";

const cache = mkdtempSync(join(tmpdir(), "explorer-heatmaps-"));
let study: ExplorerStudy;

before(async () => {
  study = await smallStudy(80);
});
after(() => {
  study.dispose();
  rmSync(cache, { recursive: true, force: true });
});

test("a stored grid is the share of the activation that covering costs, of samples too, and a second time is read back", async () => {
  const { clip, sae, pictures, statistics } = study;
  const { hookPoint } = study.about;
  const F = sae.config.dSae;
  const firing = [...Array(F).keys()].filter((f) => statistics.top.feature(f).rows.length >= 3).slice(0, 4);
  const rows = { strongest: new Int32Array(2 * F).fill(-1), samples: new Int32Array(F).fill(-1) };
  for (const feature of firing) {
    const top = statistics.top.feature(feature).rows;
    rows.strongest.set(top.subarray(0, 2), 2 * feature);
    // One that is among the strongest as well, and one that is not.
    rows.samples[feature] = top[feature === firing[0] ? 1 : 2];
  }
  const options = { hookPoint, rows, key: "test", cache };
  const heatmaps = await featureHeatmaps(study, options);
  const cells = heatmaps.side ** 2;
  const check = async (feature: number, row: number, found: Uint8Array) => {
    const [picture] = await readPictures(pictures, [row], clip.preprocessor);
    const expected = await patchHeatmap(picture, { clip, sae, hookPoint, feature, window: 2, stride: 2 });
    assert.equal(expected.side, 2 * heatmaps.side, "a cell for each window");
    assert.ok(found.some((value) => value > 0));
    found.forEach((value, cell) => {
      const patch = 2 * expected.side * Math.floor(cell / heatmaps.side) + 2 * (cell % heatmaps.side);
      const share = Math.min(1, Math.max(0, expected.drops[patch] / expected.activation));
      assert.ok(Math.abs(value / 255 - share) <= 0.6 / 255);
    });
  };
  for (const feature of firing) {
    const second = (2 * feature + 1) * cells;
    await check(
      feature,
      rows.strongest[2 * feature + 1],
      heatmaps.strongest.subarray(second, second + cells),
    );
    const sample = heatmaps.samples.subarray(feature * cells, (feature + 1) * cells);
    await check(feature, rows.samples[feature], sample);
  }
  const silent = [...Array(F).keys()].find((f) => !firing.includes(f)) as number;
  assert.ok(heatmaps.samples.subarray(silent * cells, (silent + 1) * cells).every((value) => value === 0));
  const told: number[] = [];
  const again = await featureHeatmaps(study, { ...options, onProgress: (_, done) => told.push(done) });
  assert.deepEqual(told, [], "nothing is computed again");
  assert.deepEqual(again, heatmaps);
});

test("a picture made for a feature drives it harder than noise does, and is kept", async () => {
  const { clip, sae } = study;
  const { hookPoint } = study.about;
  const feature = 25;
  const options = { hookPoint, steps: 12, cache };
  const picture = (await visualisedFeatures(study, [feature], options)).get(feature);
  const driven = async (of: RgbPicture) => {
    const points = { hooks: ["blocks.4.hook_resid_post"], tokens: "class" } as const;
    const cached = await runWithCache(clip, { pictures: [of] }, points);
    const x = cached["blocks.4.hook_resid_post"];
    const { WEnc, bEnc, bDec } = sae.weights;
    const value = tf.tidy(() => {
      const direction = WEnc.slice([0, feature], [-1, 1]) as Tensor2D;
      return tf.matMul(x.sub(bDec) as Tensor2D, direction).dataSync()[0] + bEnc.dataSync()[feature];
    });
    x.dispose();
    return value;
  };
  const random = new Random("noise");
  const noise = { data: (picture as RgbPicture).data.map(() => random.int(256)), width: 48, height: 48 };
  assert.ok((await driven(picture as RgbPicture)) > (await driven(noise)) + 1);
  const told: string[] = [];
  const again = await visualisedFeatures(study, [feature], {
    ...options,
    onProgress: (stage) => told.push(stage),
  });
  assert.deepEqual(again.get(feature)?.data, picture?.data);
  assert.deepEqual(told, []);
});

test("a stopped computation goes on where it was, and columns of another size are refused", async () => {
  const computed: number[] = [];
  const stop = new AbortController();
  const run = (signal?: AbortSignal) => {
    const columns = { squares: new Float32Array(10) };
    return keptColumns({
      ...{ stage: "some squares", key: "k", columns, rows: 10, size: 3, cache, signal },
      compute: async (from, to) => {
        for (let i = from; i < to; i++) columns.squares[i] = i * i;
        computed.push(from);
        if (from === 3) stop.abort(new Error("stopped"));
      },
    });
  };
  await assert.rejects(run(stop.signal), /stopped/);
  const { squares } = await run();
  assert.deepEqual(computed, [0, 3, 6, 9]);
  assert.deepEqual([...squares], [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  const columns = { squares: new Float32Array(9) };
  const other = keptColumns({
    ...{ stage: "some squares", key: "k", columns, rows: 9, size: 3, cache },
    compute: async () => {},
  });
  await assert.rejects(other, /expected "squares" of 9 numbers, got 10 \(do: delete it\)/);
});
