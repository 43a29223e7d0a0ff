import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { memorySource, Sae } from "../sae";
import { expectNoLeak, Random, tf } from "../tensor";
import { FeatureStatistics, featureStatistics } from "./feature-statistics";

const [N, D, F] = [60, 6, 20];

function randomSae(): Sae {
  const random = new Random("sae");
  const weights = {
    WEnc: random.normalTensor([D, F]),
    bEnc: random.normalTensor([F], -1),
    WDec: random.normalTensor([F, D]),
    bDec: random.normalTensor([D]),
  };
  return new Sae({ architecture: "standard", dIn: D, dSae: F, applyBDecToInput: true }, weights);
}

const data = (() => {
  const random = new Random("data");
  return Float32Array.from({ length: N * D }, () => random.normal());
})();

/** Everything in it, comparable. */
const contents = ({ density, top, busiest, rowsByL0 }: FeatureStatistics) => ({
  density: density.state(),
  top: top.state(),
  busiest: busiest.state(),
  rowsByL0,
});

test("a pass adds what the SAE's activations are, whatever the batches, and leaves no tensor behind", async () => {
  await expectNoLeak(async () => {
    const sae = randomSae();
    const source = memorySource(data, D);
    const expected = FeatureStatistics.empty(F, 5);
    for (let row = 0; row < N; row++) {
      const one = await featureStatistics(sae, memorySource(data.slice(row * D, (row + 1) * D), D), {
        topK: 5,
      });
      for (let feature = 0; feature < F; feature++) {
        const [value] = one.top.feature(feature).activations;
        if (value > 0) expected.top.offer(feature, value, row);
      }
    }
    for (const batchSize of [1, 13, N]) {
      const { top, density } = await featureStatistics(sae, source, { topK: 5, batchSize });
      assert.equal(density.result().rows, N);
      for (let feature = 0; feature < F; feature++) {
        assert.deepEqual([...top.feature(feature).rows], [...expected.top.feature(feature).rows]);
      }
    }
    sae.dispose();
  });
});

test("what fires as lists counts as it does in the matrix", async () => {
  const sae = randomSae();
  const threshold = tf.zeros([F]);
  // The same function, which has no lists.
  const jumprelu = new Sae(
    { architecture: "jumprelu", dIn: D, dSae: F, applyBDecToInput: true },
    { ...sae.weights, threshold },
  );
  const [lists, matrix] = await Promise.all(
    [sae, jumprelu].map((one) => featureStatistics(one, memorySource(data, D), { topK: 5, batchSize: 13 })),
  );
  assert.deepEqual(lists.density.state().fired, matrix.density.state().fired);
  assert.deepEqual(lists.top.state().rows, matrix.top.state().rows);
  assert.deepEqual(lists.busiest.state(), matrix.busiest.state());
  assert.deepEqual(lists.rowsByL0, matrix.rowsByL0);
  lists.density.state().sums.forEach((sum, feature) => {
    assert.ok(Math.abs(sum - matrix.density.state().sums[feature]) < 1e-4);
  });
  threshold.dispose();
  sae.dispose();
});

test("an interrupted pass goes on where it stopped, a finished one is read back, another SAE starts anew", async () => {
  const cache = await mkdtemp(join(tmpdir(), "vitrine-statistics-"));
  const sae = randomSae();
  const read: number[] = [];
  const source = {
    ...memorySource(data, D, "rows"),
    gather(indices: Uint32Array, into: Float32Array) {
      read.push(indices[0]);
      memorySource(data, D).gather(indices, into);
    },
  };
  try {
    const whole = await featureStatistics(sae, memorySource(data, D), { topK: 5, batchSize: 10 });
    const stop = new AbortController();
    const options = { topK: 5, batchSize: 10, cache };
    const onProgress = ({ done }: { done: number }) => done === 30 && stop.abort(new Error("stopped"));
    await assert.rejects(
      featureStatistics(sae, source, { ...options, signal: stop.signal, onProgress }),
      /stopped/,
    );
    assert.deepEqual(read, [0, 10, 20]);
    const resumed = await featureStatistics(sae, source, options);
    assert.deepEqual(read, [0, 10, 20, 30, 40, 50]);
    assert.deepEqual(contents(resumed), contents(whole));
    let cached = false;
    const again = await featureStatistics(sae, source, {
      ...options,
      onProgress: (progress) => {
        cached = progress.cached;
      },
    });
    assert.ok(cached);
    assert.equal(read.length, 6);
    assert.deepEqual(contents(again), contents(whole));

    const other = randomSae();
    other.weights.bEnc.dispose();
    other.weights.bEnc = new Random("other").normalTensor([F]);
    await featureStatistics(other, source, options);
    assert.equal(read.length, 12);
    assert.equal((await readdir(cache)).length, 2);
    other.dispose();
  } finally {
    sae.dispose();
    await rm(cache, { recursive: true, force: true });
  }
});

test("rows of another width are refused", async () => {
  const sae = randomSae();
  await assert.rejects(featureStatistics(sae, memorySource(data, 5)), /expected rows of 6, got 5/);
  assert.throws(() => FeatureStatistics.empty(3, 2).add(new Float32Array(4), 0), /expected rows of 3, got 4/);
  sae.dispose();
});
