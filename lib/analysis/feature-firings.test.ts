import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { memorySource, Sae } from "../sae";
import { expectNoLeak, Random, tf } from "../tensor";
import { ACTIVATION_BINS, ActivationSpread, activationBin } from "./activation-spread";
import { CoFiring } from "./co-firing";
import { FeatureFirings, featureFirings } from "./feature-firings";

const [N, F] = [400, 12];

/** f [N·F]: feature i fires on every (i + 1)th row or so, log-normally; the last one never. */
const f = (() => {
  const random = new Random("firings");
  return Float32Array.from({ length: N * F }, (_, at) =>
    at % F < F - 1 && random.uniform() < 1 / ((at % F) + 1) ? Math.exp(2 * random.normal()) : 0,
  );
})();
const rowsOf = (feature: number) =>
  Array.from({ length: N }, (_, row) => row).filter((row) => f[row * F + feature] > 0);

const contents = ({ spread, coFiring }: FeatureFirings) => ({
  spread: spread.state(),
  kept: coFiring.kept,
});

test("histograms count what they should, at the edges too", () => {
  const firings = FeatureFirings.empty(F);
  firings.add(f, 0);
  for (let feature = 0; feature < F; feature++) {
    const expected = new Int32Array(64);
    for (const row of rowsOf(feature)) {
      const value = f[row * F + feature];
      let bin = 63;
      while (bin > 0 && value < 2 ** (ACTIVATION_BINS.log2Low + bin / 4)) bin--;
      expected[bin]++;
    }
    assert.deepEqual(firings.spread.histogram(feature), expected);
  }
  assert.deepEqual([1e-9, 1, 1.18, 1.2, 1e9].map(activationBin), [0, 32, 32, 33, 63]);
});

test("the sample is a fair one, whatever the batches and the order of merging", () => {
  const whole = FeatureFirings.empty(F);
  whole.add(f, 0);
  const parts = [0, 130, 131, 300].map((from, i, all) => {
    const part = FeatureFirings.empty(F);
    part.add(f.subarray(from * F, (all[i + 1] ?? N) * F), from);
    return part;
  });
  const merged = FeatureFirings.empty(F);
  for (const i of [2, 0, 3, 1]) merged.merge(parts[i]);
  assert.deepEqual(contents(merged), contents(whole));

  // Of 200 features that fire on every row the samples' mean row is within four standard errors of the middle.
  const many = new ActivationSpread(200);
  for (let row = 0; row < N; row++)
    for (let feature = 0; feature < 200; feature++) many.count(feature, row + 1, row);
  const ranks = Array.from({ length: 200 }, (_, feature) => [...many.sample(feature).rows]).flat();
  const mean = ranks.reduce((sum, row) => sum + row, 0) / ranks.length;
  assert.ok(Math.abs(mean - 199.5) < 4 * (N / Math.sqrt(12 * ranks.length)), `mean row ${mean}`);
  assert.equal(new Set(ranks).size, N, "every row is in some feature's sample");
});

test("shares of the sample are its quantiles, strongest first, and a short one is shown whole", () => {
  const spread = new ActivationSpread(2);
  for (let row = 0; row < 40; row++) spread.count(0, row + 1, row);
  const { rows, activations } = spread.quantiles(0, 4, 3);
  assert.deepEqual([...rows], [39, 36, 33, 29, 26, 23, 19, 16, 13, 9, 6, 3]);
  assert.deepEqual([...activations.subarray(0, 2)], [40, 37]);
  for (let row = 0; row < 5; row++) spread.count(1, 5 - row, row);
  assert.deepEqual([...spread.quantiles(1, 4, 2).rows], [0, -1, 1, -1, 2, -1, 3, 4]);
});

test("features that fire together are those of counting every pair", async () => {
  const firings = FeatureFirings.empty(F);
  firings.add(f, 0);
  const { features, shares } = await firings.coFiring.nearest(3);
  for (let feature = 0; feature < F; feature++) {
    const own = new Set(rowsOf(feature));
    const expected = Array.from({ length: F }, (_, other) => {
      const theirs = rowsOf(other);
      const both = theirs.filter((row) => own.has(row)).length;
      return { other, both, share: both / (own.size + theirs.length - both) };
    })
      .filter(({ other, both }) => other !== feature && both >= 2)
      .sort((a, b) => b.share - a.share || a.other - b.other)
      .slice(0, 3);
    const found = [...features.subarray(feature * 3, feature * 3 + 3)].filter((other) => other >= 0);
    assert.deepEqual(
      found,
      expected.map(({ other }) => other),
    );
    expected.forEach(({ share }, i) => {
      assert.equal(shares[feature * 3 + i], Math.fround(share));
    });
  }
});

test("with too many firings a sample of rows is kept, the same in any order, and shares stay near", async () => {
  const random = new Random("rows");
  const rows = Array.from({ length: 4000 }, (_, row) => {
    // 0 and 1 fire together on a quarter of the rows and apart on another.
    const draw = random.uniform();
    return { row, features: draw < 0.25 ? [0, 1, 2] : draw < 0.375 ? [0, 2] : draw < 0.5 ? [1, 2] : [2] };
  });
  const build = (order: readonly number[]) => {
    const made = new CoFiring(3, 2000);
    for (const i of order) made.add(rows[i].row, rows[i].features);
    return made;
  };
  const forward = build(rows.map((_, i) => i));
  const backward = build(rows.map((_, i) => rows.length - 1 - i));
  const halves = [
    build(rows.slice(0, 2000).map((_, i) => i)),
    build(rows.slice(2000).map((_, i) => i + 2000)),
  ];
  halves[1].merge(halves[0]);
  const keptRows = (of: CoFiring) => [...of.state().rows].sort((a, b) => a - b);
  assert.ok(forward.state().features.length <= 2000 && forward.kept > 500);
  assert.deepEqual(keptRows(backward), keptRows(forward));
  assert.deepEqual(keptRows(halves[1]), keptRows(forward));
  const { features, shares } = await forward.nearest(1);
  assert.deepEqual([...features.subarray(0, 2)], [1, 0]);
  assert.ok(Math.abs(shares[0] - 0.5) < 0.08, `share ${shares[0]}`);
});

test("an interrupted pass goes on where it stopped and ends as an uninterrupted one", async () => {
  const cache = await mkdtemp(join(tmpdir(), "vitrine-firings-"));
  try {
    await expectNoLeak(async () => {
      const random = new Random("sae");
      const weights = {
        WEnc: random.normalTensor([6, F]),
        bEnc: random.normalTensor([F], -1),
        WDec: random.normalTensor([F, 6]),
        bDec: random.normalTensor([6]),
      };
      const sae = new Sae({ architecture: "standard", dIn: 6, dSae: F, applyBDecToInput: true }, weights);
      const data = Float32Array.from({ length: 60 * 6 }, () => random.normal());
      const whole = await featureFirings(sae, memorySource(data, 6), { batchSize: 7 });
      const stop = new AbortController();
      const onProgress = ({ done }: { done: number }) => done === 20 && stop.abort(new Error("stopped"));
      const source = memorySource(data, 6, "rows");
      const options = { cache, batchSize: 10 };
      await assert.rejects(
        featureFirings(sae, source, { ...options, onProgress, signal: stop.signal }),
        /stopped/,
      );
      const read: number[] = [];
      const watched = {
        ...source,
        gather(indices: Uint32Array, into: Float32Array) {
          read.push(indices[0]);
          source.gather(indices, into);
        },
      };
      const resumed = await featureFirings(sae, watched, options);
      assert.deepEqual(read, [20, 30, 40, 50]);
      const again = await featureFirings(sae, watched, options);
      assert.equal(read.length, 4);
      // The passes read lists of what fires; the matrix of activations says the same.
      const matrix = FeatureFirings.empty(F);
      matrix.add(
        tf.tidy(() => sae.encode(tf.tensor2d(data, [60, 6])).dataSync<"float32">()),
        0,
      );
      assert.deepEqual(await matrix.coFiring.nearest(4), await whole.coFiring.nearest(4));
      assert.deepEqual(matrix.spread.state().rows, whole.spread.state().rows);
      for (const result of [resumed, again]) {
        assert.deepEqual(contents(result), contents(whole));
        assert.deepEqual(await result.coFiring.nearest(4), await whole.coFiring.nearest(4));
      }
      sae.dispose();
    });
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
});
