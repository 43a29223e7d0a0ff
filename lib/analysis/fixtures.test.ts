/** The measurements against plain NumPy on fixed data; each file in fixtures/ is a case. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSafetensors, type StoredTensor } from "../io";
import { expectNoLeak, type Tensor, tf } from "../tensor";
import {
  clustersByMixture,
  directionSpectrum,
  FeatureStatistics,
  labelEntropies,
  labelEntropiesCorrected,
  logitLens,
  majorityLabels,
  neuronAlignment,
  neuronAlignmentFry,
} from ".";

const FOLDER = join(__dirname, "fixtures");

type Case = (name: string) => StoredTensor & { tensor(): Tensor };

async function readCase(file: string): Promise<Case> {
  const { tensors } = await readSafetensors(join(FOLDER, file));
  return (name) => {
    const stored = tensors.get(name);
    assert.ok(stored, `${file} has no ${name}`);
    return { ...stored, tensor: () => tf.tensor(stored.data as Float32Array, stored.shape) };
  };
}

const casesOf = (kind: string) => readdirSync(FOLDER).filter((file) => file.startsWith(`${kind}-`));

function near(got: ArrayLike<number>, expected: ArrayLike<unknown>, what: string, tolerance = 1e-5): void {
  assert.equal(got.length, expected.length, what);
  for (let i = 0; i < got.length; i++) {
    const want = Number(expected[i]);
    if (Number.isNaN(want)) assert.ok(Number.isNaN(got[i]), `${what}[${i}]: ${got[i]}, expected NaN`);
    else
      assert.ok(
        Math.abs(got[i] - want) <= tolerance * Math.max(1, Math.abs(want)),
        `${what}[${i}]: ${got[i]}, expected ${want}`,
      );
  }
}

for (const file of casesOf("features")) {
  test(`${file}: statistics of features, streamed, merged in any order and through a file, are NumPy's`, async (t) => {
    const of = await readCase(file);
    const [n, F] = of("f").shape;
    const f = of("f").data as Float32Array;
    const labels = of("labels").data as Int32Array;
    const k = of("expected.top_rows").shape[1];
    const part = (from: number, to: number) => {
      const statistics = FeatureStatistics.empty(F, k);
      for (let row = from; row < to; row += 7)
        statistics.add(f.subarray(row * F, Math.min(row + 7, to) * F), row);
      return statistics;
    };
    const cuts = [0, 11, 12, Math.floor(n / 2), n];
    const parts = cuts.slice(1).map((to, i) => part(cuts[i], to));
    const merged = FeatureStatistics.empty(F, k);
    for (const i of [2, 0, 3, 1]) merged.merge(parts[i]);
    const path = join(FOLDER, "..", `.${file}.tmp`);
    t.after(() => import("node:fs").then(({ rmSync }) => rmSync(path, { force: true })));
    await part(0, n).save(path, n);
    const loaded = await FeatureStatistics.load(path);
    assert.equal(loaded.next, n);
    for (const statistics of [part(0, n), merged, loaded.accumulator]) {
      const { density, top, busiest, rowsByL0 } = statistics;
      const result = density.result();
      near(result.featureDensity, of("expected.density").data, "density", 1e-12);
      near(result.meanActivation, of("expected.mean_activation").data, "mean activation", 1e-12);
      near(top.meanActivation(), of("expected.mean_top").data, "mean of the top", 1e-12);
      const [rows, values] = [of("expected.top_rows").data, of("expected.top_values").data];
      for (let feature = 0; feature < F; feature++) {
        const found = top.feature(feature);
        const wanted = Array.from(rows.slice(feature * k, (feature + 1) * k), Number).filter(
          (row) => row >= 0,
        );
        assert.deepEqual([...found.rows], wanted);
        assert.deepEqual(
          [...found.activations],
          Array.from(values.slice(feature * k, feature * k + wanted.length), Number),
        );
      }
      near(labelEntropies(top, labels), of("expected.entropy").data, "entropy", 1e-12);
      near(labelEntropiesCorrected(top, labels), of("expected.entropy_corrected").data, "corrected", 1e-12);
      const majority = majorityLabels(top, labels);
      assert.deepEqual([...majority.label], Array.from(of("expected.majority").data, Number));
      near(majority.share, of("expected.majority_share").data, "share", 1e-12);
      assert.deepEqual([...rowsByL0], Array.from(of("expected.rows_by_l0").data, Number));
      assert.deepEqual([...busiest.feature(0).rows], Array.from(of("expected.busiest_rows").data, Number));
    }
  });
}

for (const file of casesOf("directions")) {
  test(`${file}: alignment, spectrum and lens are NumPy's`, async () => {
    const of = await readCase(file);
    await expectNoLeak(async () => {
      const [directions, neurons, texts] = [of("directions"), of("neurons"), of("texts")].map((part) =>
        part.tensor(),
      );
      const threshold = Number(of("threshold").data[0]);
      const aligned = await neuronAlignment(directions, neurons, { threshold });
      near(aligned.maxCosine, of("expected.max_cosine").data, "cosine");
      assert.deepEqual([...aligned.nearestNeuron], Array.from(of("expected.nearest_neuron").data, Number));
      assert.deepEqual([...aligned.alignedNeurons], Array.from(of("expected.aligned").data, Number));
      const fry = await neuronAlignmentFry(directions, neurons, { threshold });
      near(fry.maxCosine, of("expected.max_fry").data, "the post's products");
      const spectrum = await directionSpectrum(directions);
      near(spectrum.shares, of("expected.shares").data, "shares");
      near([spectrum.effectiveDimensions], of("expected.effective").data, "effective dimensions", 1e-4);
      near([spectrum.meanCosine], of("expected.mean_cosine").data, "mean cosine");
      for (const [name, centreTexts] of [
        ["plain", false],
        ["centred", true],
      ] as const) {
        const lens = await logitLens(directions, texts, { centreTexts });
        assert.deepEqual([...lens.classes], Array.from(of(`expected.lens_${name}`).data, Number));
        near(lens.cosines, of(`expected.lens_${name}_cosines`).data, "lens");
        near(lens.probabilities, of(`expected.lens_${name}_probabilities`).data, "softmax", 1e-3);
      }
      tf.dispose([directions, neurons, texts]);
    });
  });
}

for (const file of casesOf("clusters")) {
  test(`${file}: the mixture of two bells is NumPy's`, async () => {
    const of = await readCase(file);
    const result = clustersByMixture(
      {
        log10Density: of("log10_density").data as Float64Array,
        log10MeanTop: of("log10_mean_top").data as Float64Array,
      },
      { maxIterations: 5000, tolerance: 1e-13 },
    );
    near(result.denseProbability, of("expected.probability").data, "probability", 1e-3);
    near(
      result.bells.flatMap(({ mean }) => mean),
      of("expected.mean").data,
      "means",
      1e-3,
    );
    near(
      result.bells.map(({ weight }) => weight),
      of("expected.weight").data,
      "weights",
      1e-3,
    );
    near([result.bicGain], of("expected.bic_gain").data, "BIC gain", 1e-3);
  });
}
