import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { patchHeatmap } from "../lib/analysis";
import { runWithCache } from "../lib/clip";
import { readPictures } from "../lib/datasets";
import type { RgbPicture } from "../lib/io";
import { Random, type Tensor2D, tf } from "../lib/tensor";
import type { ExplorerStudy } from "./explore";
import { strongestHeatmaps } from "./heatmaps";
import { keptColumns } from "./kept-columns";
import { smallStudy } from "./small-study";
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

test("a stored grid is the share of the activation that covering costs, and a second time is read back", async () => {
  const { clip, sae, pictures, statistics } = study;
  const { hookPoint } = study.about;
  const options = { hookPoint, count: 2, key: "test", cache };
  const { grids, side } = await strongestHeatmaps(study, options);
  const patches = side ** 2;
  const fires = (feature: number) => statistics.top.feature(feature).rows.length >= 2;
  const feature = Array.from({ length: sae.config.dSae }, (_, f) => f).find(fires) as number;
  const [picture] = await readPictures(
    pictures,
    [statistics.top.feature(feature).rows[1]],
    clip.preprocessor,
  );
  const expected = await patchHeatmap(picture, { clip, sae, hookPoint, feature, window: 2, stride: 2 });
  const found = grids.subarray((2 * feature + 1) * patches, (2 * feature + 2) * patches);
  assert.ok(found.some((value) => value > 0));
  found.forEach((value, cell) => {
    const share = Math.min(1, Math.max(0, expected.drops[cell] / expected.activation));
    assert.ok(Math.abs(value / 255 - share) <= 0.6 / 255);
  });
  const told: number[] = [];
  const again = await strongestHeatmaps(study, { ...options, onProgress: (_, done) => told.push(done) });
  assert.deepEqual(told, [], "nothing is computed again");
  assert.deepEqual(again.grids, grids);
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
