import assert from "node:assert/strict";
import { test } from "node:test";
import { unpackNumbers } from "./figure";
import { countBins, histogram, sparsityHistogram } from "./histogram";
import { assertAxesNamed, matchSnapshot } from "./snapshot";

/** Bell-shaped values without randomness. */
const bell = Float64Array.from({ length: 4000 }, (_, i) => Math.log((i + 0.5) / (4000 - i - 0.5)));

test("bins hold every finite value once, edges belonging to the bin above", () => {
  const bins = countBins([0.1, 0.2, 0.3, 0.3, 0.35, Number.NaN, Number.NEGATIVE_INFINITY], { width: 0.1 });
  assert.deepEqual([...bins.counts], [1, 1, 3]);
  assert.equal(bins.excluded, 2);
  assert.ok(Math.abs(bins.start - 0.1) < 1e-12);
});

test("bin widths are round and give about as many bins as asked for", () => {
  const bins = countBins(bell);
  assert.ok(
    [0.1, 0.2, 0.5].some((width) => Math.abs(bins.width - width) < 1e-12),
    `width ${bins.width}`,
  );
  assert.ok(bins.counts.length > 20 && bins.counts.length <= 62);
  assert.equal(
    bins.counts.reduce((a, b) => a + b),
    bell.length,
  );
});

test("equal values and no values at all still give a histogram", () => {
  assert.deepEqual([...countBins([2, 2, 2]).counts], [3]);
  assert.equal(countBins([Number.NaN]).counts.length, 0);
});

test("a histogram matches its snapshot and says how many values are undefined", () => {
  const figure = histogram({
    title: "Neuron alignment",
    values: Float64Array.from(bell, (v, i) => (i % 100 === 0 ? Number.NaN : 0.12 + 0.02 * v)),
    x: { title: "maximum cosine", unit: "−1 to 1" },
    what: "features",
    references: [{ at: 0.14, label: "aligned" }],
  });
  assert.equal(figure.layout.title?.subtitle?.text, "40 of 4,000 features undefined");
  assertAxesNamed(figure);
  matchSnapshot("histogram", figure);
});

test("dead features are counted in the title of the sparsity histogram and are in no bin", () => {
  const frequencies = Float32Array.from(bell, (v, i) => (i < 12 ? 0 : 10 ** Math.min(0, -3 + v / 3)));
  const figure = sparsityHistogram({ frequencies, samples: 524288 });
  const [trace] = figure.data;
  assert.ok(trace.type === "bar");
  const counts = trace.y as Parameters<typeof unpackNumbers>[0];
  assert.equal(
    unpackNumbers(counts).reduce((a, b) => a + b),
    4000 - 12,
  );
  assert.match(
    figure.layout.title?.subtitle?.text ?? "",
    /4,000 features over 524,288 images · <b>12 dead \(0\.3%, not shown\)/,
  );
  assertAxesNamed(figure);
  matchSnapshot("sparsity", figure);
});

test("an SAE without dead features says so, one with nothing but dead ones is still drawn", () => {
  const subtitle = (frequencies: number[]) =>
    sparsityHistogram({ frequencies, samples: 10 }).layout.title?.subtitle?.text ?? "";
  assert.match(subtitle([0.5, 0.1]), /none dead/);
  assert.match(subtitle([0, 0]), /2 dead \(100%/);
});

test("log10 values passed as frequencies are refused", () => {
  assert.throws(
    () => sparsityHistogram({ frequencies: [-3.5], samples: 10 }),
    /expected frequencies of 0 to 1, got -3\.5/,
  );
});
