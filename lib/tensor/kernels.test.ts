import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { after, describe, test } from "node:test";
import {
  Active,
  HostAdam,
  Random,
  Rows,
  rowNormsInto,
  type Selection,
  setKernelThreads,
  type Tensor,
  tf,
  Update,
} from ".";
import { assertClose } from "./assert-close";

after(() => setKernelThreads(availableParallelism()));

/** Sizes that are multiples of nothing. */
const [B, D, F] = [75, 37, 701];

function floats(tensor: Tensor): Float32Array {
  const data = tensor.dataSync().slice() as Float32Array;
  tensor.dispose();
  return data;
}

/** Weights whose first third fires nearly always, the second now and then, the last hardly ever. */
function example() {
  const random = new Random("kernels");
  const bias = Float32Array.from({ length: F }, (_, j) => [3, -2, -4][Math.floor((3 * j) / F)]);
  const encoder = tf.tidy(() =>
    tf.concat([random.normalTensor([F, D], 0, 1 / Math.sqrt(D)), tf.tensor2d(bias, [F, 1])], 1),
  );
  return {
    x: floats(random.normalTensor([B, D], 0, 2)),
    gradient: floats(random.normalTensor([B, D])),
    encoder: floats(encoder),
    decoder: floats(random.normalTensor([F, D])),
  };
}

/** pre [B, ids], in float64. */
function preActivations(x: Float32Array, encoder: Float32Array, ids: readonly number[]): number[][] {
  return Array.from({ length: B }, (_, b) =>
    ids.map((j) => {
      let pre = encoder[j * (D + 1) + D];
      for (let d = 0; d < D; d++) pre += x[b * D + d] * encoder[j * (D + 1) + d];
      return pre;
    }),
  );
}

/** The activations as the rule's words say. */
function naiveActivations(
  pre: number[][],
  { rule, k = 0, gain, signedValues = false }: Selection,
): number[][] {
  const score = (value: number, j: number) => value * (gain?.[j] ?? 1);
  if (rule === "exponential") return pre.map((row) => row.map(Math.exp));
  if (rule === "relu") return pre.map((row) => row.map((value) => Math.max(0, value)));
  const all = pre.flatMap((row, b) => row.map((value, j) => ({ b, j, value, score: score(value, j) })));
  const best = (list: typeof all) => [...list].sort((p, q) => q.score - p.score || p.j - q.j).slice(0, k);
  const chosen = rule === "topK" ? pre.flatMap((_, b) => best(all.filter((one) => one.b === b))) : best(all);
  const out = pre.map((row) => row.map(() => 0));
  for (const { b, j, value } of chosen) out[b][j] = signedValues ? value : Math.max(0, value);
  return out;
}

const everyThird = Int32Array.from({ length: Math.ceil(F / 3) }, (_, i) => 3 * i);
const gain = Float32Array.from({ length: F }, (_, j) => 0.5 + ((j * 7) % 5) / 4);
const cases: {
  name: string;
  features: Int32Array | number;
  selection: Selection;
  matrices: (share: number) => boolean;
}[] = [
  { name: "ReLU", features: F, selection: { rule: "relu" }, matrices: (share) => share > 0.2 && share < 0.8 },
  {
    name: "ReLU of some features",
    features: everyThird,
    selection: { rule: "relu" },
    matrices: (share) => share > 0.2 && share < 0.9,
  },
  {
    name: "the 5 largest of each row",
    features: F,
    selection: { rule: "topK", k: 5 },
    matrices: (share) => share === 0,
  },
  {
    name: "the 5 largest by another measure",
    features: F,
    selection: { rule: "topK", k: 5, gain },
    matrices: (share) => share === 0,
  },
  {
    name: "with their signs",
    features: everyThird,
    selection: { rule: "topK", k: 200, signedValues: true },
    matrices: (share) => share === 0,
  },
  {
    name: "more than there are",
    features: everyThird,
    selection: { rule: "topK", k: 500 },
    matrices: (share) => share === 0,
  },
  {
    name: "the 400 largest of the batch",
    features: F,
    selection: { rule: "batchTopK", k: 400 },
    matrices: (share) => share === 0,
  },
  {
    name: "the 400 largest by another measure",
    features: F,
    selection: { rule: "batchTopK", k: 400, gain },
    matrices: (share) => share === 0,
  },
  {
    name: "exponentials",
    features: everyThird,
    selection: { rule: "exponential" },
    matrices: (share) => share === 1,
  },
];

describe("activations, reconstruction and gradients equal the formulas in float64", () => {
  for (const { name, features, selection, matrices } of cases) {
    test(name, () => {
      const { x, gradient, encoder, decoder } = example();
      const ids =
        typeof features === "number" ? Array.from({ length: features }, (_, j) => j) : [...features];
      const own = selection.gain ? { ...selection, gain: Float32Array.from(ids, (j) => gain[j]) } : selection;
      const f = naiveActivations(preActivations(x, encoder, ids), own);
      const active = new Active();
      const rows = new Rows().set(x, B, D);
      const sums = new Float32Array(ids.length);
      const encoded = active.encode(rows, encoder, features, selection, sums);
      assert.ok(matrices(encoded.matrices), `${encoded.matrices} of the blocks are matrices`);
      assert.equal(encoded.finite, true);
      assert.equal(encoded.count, f.flat().filter((value) => value !== 0).length);
      assertClose(
        sums,
        ids.map((_, i) => f.reduce((sum, row) => sum + row[i], 0)),
        "sums",
      );
      const scores = f.flatMap((row) => row.map((value, i) => value * (own.gain?.[i] ?? 1)));
      const least = scores.filter((value) => value > 0).reduce((a, b) => Math.min(a, b));
      assert.ok(
        Math.abs(encoded.least - least) <= 1e-5 * least + 2e-6,
        `least ${encoded.least}, expected ${least}`,
      );

      const out = new Float32Array(B * D);
      active.decode(decoder, D, 0, ids.length, out);
      const xHat = Array.from({ length: B * D }, (_, at) =>
        ids.reduce((sum, j, i) => sum + f[Math.floor(at / D)][i] * decoder[j * D + (at % D)], 0),
      );
      assertClose(out, xHat, "reconstruction");

      const { start, rows: at, values } = active.entries(0, ids.length);
      const listed = new Float64Array(B * ids.length);
      for (let i = 0; i < ids.length; i++)
        for (let e = start[i]; e < start[i + 1]; e++) listed[at[e] * ids.length + i] = values[e];
      assert.equal(values.length, encoded.count);
      assertClose(listed, f.flat(), "entries", 1e-5);
      const part = active.entries(100, 200);
      assert.deepEqual(part.values, values.slice(start[100], start[200]));
      assert.deepEqual(part.rows, at.slice(start[100], start[200]));
      assert.deepEqual(
        [...part.start],
        [...start.slice(100, 201)].map((place) => place - start[100]),
      );
      assert.throws(() => active.entries(0, ids.length + 1), /expected features that were encoded/);

      // As the extra part of an update whose main part is silent.
      const silent = new Active();
      const quiet = encoder.slice();
      for (let j = 0; j < F; j++) quiet[j * (D + 1) + D] = -1e6;
      silent.encode(rows, quiet, F, { rule: "relu" }, new Float32Array(F));
      const upstream = [{ until: F, gradient: new Rows().set(gradient, B, D) }];
      const subset = typeof features !== "number";
      const got = {
        encoder: new Float32Array(F * (D + 1)),
        decoder: new Float32Array(F * D),
        bDec: new Float32Array(D),
      };
      new Update().gradients(
        {
          x: rows,
          main: { active: subset ? silent : active, upstream },
          extras: subset ? [{ active, upstream }] : [],
          biasGradient: new Float32Array(D),
          sparsity: subset ? 0 : 0.25,
          sums: new Float32Array(F),
          centred: true,
          removeParallel: false,
        },
        { encoder, decoder },
        got,
      );
      const expected = {
        encoder: new Float64Array(F * (D + 1)),
        decoder: new Float64Array(F * D),
        bDec: new Float64Array(D),
      };
      for (let b = 0; b < B; b++) {
        ids.forEach((j, i) => {
          if (f[b][i] === 0) return;
          let df = subset ? 0 : 0.25;
          for (let d = 0; d < D; d++) df += gradient[b * D + d] * decoder[j * D + d];
          if (selection.rule === "exponential") df *= f[b][i];
          for (let d = 0; d < D; d++) {
            expected.encoder[j * (D + 1) + d] += df * x[b * D + d];
            expected.decoder[j * D + d] += f[b][i] * gradient[b * D + d];
            expected.bDec[d] -= df * encoder[j * (D + 1) + d];
          }
          expected.encoder[j * (D + 1) + D] += df;
        });
      }
      for (const part of ["encoder", "decoder", "bDec"] as const)
        assertClose(got[part], expected[part], part, 1e-5);
    });
  }
});

test("of equal scores the lower feature is chosen", () => {
  const encoder = new Float32Array(F * (D + 1));
  for (let j = 0; j < F; j++) encoder[j * (D + 1) + D] = j % 2; // 350 features tie at 1
  const x = new Rows().set(new Float32Array(B * D), B, D);
  const sums = new Float32Array(F);
  new Active().encode(x, encoder, F, { rule: "topK", k: 130 }, sums);
  assert.deepEqual(
    sums,
    Float32Array.from({ length: F }, (_, j) => (j % 2 === 1 && j < 260 ? B : 0)),
  );
});

test("a number that is not finite is told, even where no feature fires by it", () => {
  const { x, encoder } = example();
  const rows = new Rows().set(x, B, D);
  for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const poisoned = encoder.slice();
    poisoned[600 * (D + 1) + 3] = poison;
    for (const rule of ["relu", "topK"] as const) {
      const { finite } = new Active().encode(rows, poisoned, F, { rule, k: 3 }, new Float32Array(F));
      assert.equal(finite, false);
    }
  }
});

describe("one update", () => {
  const run = (threads: number, clip: number, steps = 3) => {
    setKernelThreads(threads);
    const { x, gradient, encoder, decoder } = example();
    const store = new HostAdam({
      encoder: tf.tensor2d(encoder, [F, D + 1]),
      decoder: tf.tensor2d(decoder, [F, D]),
      bDec: tf.zeros([D]),
    });
    const [active, haunted, update, rows, upstream] = [
      new Active(),
      new Active(),
      new Update(),
      new Rows().set(x, B, D),
      new Rows().set(gradient, B, D),
    ];
    const ghosts = Int32Array.from({ length: F / 4 }, (_, i) => 4 * i);
    const slots = {
      encoder: store.slot("encoder"),
      decoder: store.slot("decoder"),
      bDec: store.slot("bDec"),
    };
    const sums = new Float32Array(F);
    const sparsityGain = new Float32Array(F);
    const input = {
      x: rows,
      extras: [{ active: haunted, upstream: [{ until: F, gradient: upstream }] }],
      biasGradient: gradient.slice(0, D),
      sparsity: 0.1,
      sparsityGain,
      sums,
      centred: true,
      removeParallel: true,
    };
    let norm: number | undefined;
    for (let i = 0; i < steps; i++) {
      rowNormsInto(sparsityGain, slots.decoder.value, F, D);
      active.encode(rows, slots.encoder.value, F, { rule: "relu" }, sums);
      haunted.encode(
        rows,
        slots.encoder.value,
        ghosts,
        { rule: "exponential" },
        new Float32Array(ghosts.length),
      );
      const main = { active, upstream: [{ until: F, gradient: upstream }] };
      norm = update.step({ ...input, main, slots, adam: store.nextStep(1e-2), unitRows: true, clip });
    }
    return { store, slots, norm };
  };

  test("gives the same bits with any number of threads", () => {
    const { slots } = run(1, 0);
    for (const threads of [2, 3, 7]) {
      const other = run(threads, 0).slots;
      for (const name of ["encoder", "decoder", "bDec"] as const) {
        for (const part of ["value", "first", "second"] as const) {
          assert.deepEqual(other[name][part], slots[name][part], `${name} ${part}, ${threads} threads`);
        }
      }
    }
  });

  test("with a limit above the gradients' norm is the update without one; with one below, its first moments shrink by it", () => {
    const free = run(2, 0, 1);
    const wide = run(2, 1e9, 1);
    const tight = run(2, 0.5, 1);
    assert.equal(free.norm, undefined);
    assert.deepEqual(wide.slots.encoder.value, free.slots.encoder.value);
    assert.deepEqual(wide.slots.decoder.value, free.slots.decoder.value);
    let squares = 0;
    for (const slot of Object.values(wide.slots)) for (const m of slot.first) squares += (m / 0.1) ** 2;
    assert.ok(
      Math.abs((wide.norm ?? 0) / Math.sqrt(squares) - 1) < 1e-5,
      `${wide.norm}, ${Math.sqrt(squares)}`,
    );
    const factor = 0.5 / Math.sqrt(squares);
    assertClose(
      tight.slots.decoder.first,
      free.slots.decoder.first.map((m) => m * factor),
      "shortened",
      1e-5,
    );
  });

  test("leaves decoder rows of norm 1, those of silent features too", () => {
    const { slots } = run(2, 0);
    const norms = new Float32Array(F);
    rowNormsInto(norms, slots.decoder.value, F, D);
    assert.ok(norms.every((norm) => Math.abs(norm - 1) < 1e-6));
  });
});

test("arrays of the wrong length are refused by name", () => {
  const rows = new Rows();
  assert.throws(() => rows.set(new Float32Array(5), 2, 3), /Rows.set: expected data of 6 numbers, got 5/);
  rows.set(new Float32Array(6), 2, 3);
  assert.throws(
    () => new Active().encode(rows, new Float32Array(7), 2, { rule: "relu" }, new Float32Array(2)),
    /expected a typed array of 8 numbers/,
  );
});
