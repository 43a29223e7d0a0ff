import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  Adam,
  disposeAll,
  expectNoLeak,
  HostAdam,
  type NamedTensors,
  Random,
  type Tensor,
  tf,
} from "../tensor";
import { type StepContext, type StepResult, trainingOf } from "./architectures";
import { resolveTrainingConfig, type SaeTrainingOptions } from "./config";
import type { FusedStep } from "./fused-step";
import { globalNorm, shortened } from "./gradient-clip";

/** Several blocks of features, and sizes that are multiples of nothing. */
const [B, D, F] = [70, 21, 467];

interface Case {
  name: string;
  options: SaeTrainingOptions;
  dead?: number[];
  sparsityWeight?: number;
}

const every = (n: number, from = 0) =>
  Array.from({ length: Math.ceil((F - from) / n) }, (_, i) => from + n * i);
const cases: Case[] = [
  { name: "the post's recipe", options: { architecture: "standard" } },
  { name: "with ghosts of some features", options: { architecture: "standard" }, dead: every(5) },
  { name: "with ghosts of all", options: { architecture: "standard" }, dead: every(1) },
  {
    name: "SAELens's standard recipe, its penalty warming up",
    options: {
      architecture: "standard",
      decoderNorm: "free",
      reconstructionLoss: "squared-error",
      gradientClip: 1,
      ghostGradients: false,
    },
    sparsityWeight: 0.3,
  },
  { name: "without bDec in the encoder", options: { architecture: "standard", applyBDecToInput: false } },
  { name: "clipped from far above", options: { architecture: "standard", gradientClip: 1e-3 } },
  { name: "TopK", options: { architecture: "topk", k: 7 } },
  {
    name: "TopK with AuxK of few",
    options: { architecture: "topk", k: 7, auxK: 11, auxCoefficient: 0.5 },
    dead: [3, 4, 300],
  },
  { name: "TopK with AuxK of many", options: { architecture: "topk", k: 7, auxK: 11 }, dead: every(2) },
  {
    name: "TopK ranked by decoder norms",
    options: { architecture: "topk", k: 5, decoderNorm: "free", auxK: 9 },
    dead: every(4),
  },
  { name: "BatchTopK", options: { architecture: "batchtopk", k: 6.5 }, dead: every(3) },
  {
    name: "Matryoshka with levels across blocks",
    options: { architecture: "matryoshka_batchtopk", k: 8, widths: [30, 200, F], auxK: 5 },
    dead: every(3),
  },
  {
    name: "Matryoshka with AuxK of each level",
    options: {
      architecture: "matryoshka_batchtopk",
      k: 8,
      widths: [30, 200, F],
      auxPerLevel: true,
      decoderNorm: "free",
    },
    dead: every(7, 31),
  },
  { name: "JumpReLU", options: { architecture: "jumprelu", bandwidth: 0.4, l0Coefficient: 0.3 } },
  {
    name: "JumpReLU with decoder norms, dead features called back",
    options: { architecture: "jumprelu", bandwidth: 0.4, preActCoefficient: 0.05, decoderNorm: "free" },
    dead: every(4),
    sparsityWeight: 0.3,
  },
  {
    name: "JumpReLU with all dead",
    options: { architecture: "jumprelu", bandwidth: 0.4, preActCoefficient: 0.05, gradientClip: 0 },
    dead: every(1),
  },
  {
    name: "JumpReLU that counts, thresholds alone learning from it",
    options: {
      architecture: "jumprelu",
      sparsityPenalty: "step",
      l0Coefficient: 0.02,
      bandwidth: 0.4,
      straightThroughToInput: false,
    },
  },
  {
    name: "JumpReLU with a target, without bDec in the encoder",
    options: {
      architecture: "jumprelu",
      sparsityPenalty: "quadratic",
      targetL0: 40,
      l0Coefficient: 0.01,
      bandwidth: 0.4,
      applyBDecToInput: false,
    },
  },
  { name: "Gated", options: { architecture: "gated", l1Coefficient: 0.3 } },
  {
    name: "Gated, its decoder shared, its penalty by decoder norms",
    options: { architecture: "gated", l1Coefficient: 0.3, auxDecoder: "shared", decoderNorm: "free" },
    sparsityWeight: 0.4,
  },
  {
    name: "Gated with the post's reconstruction term",
    options: {
      architecture: "gated",
      l1Coefficient: 0.01,
      reconstructionLoss: "norm-scaled",
      gradientClip: 0,
    },
  },
];

/** A start whose features fire nearly always, sometimes, or hardly ever: some blocks are matrices and some lists. */
function start(seed: number, architecture = ""): NamedTensors {
  const random = new Random(seed);
  return tf.tidy(() => {
    const biases = Array.from({ length: F }, (_, j) => [1.5, -1, -3.5][Math.floor((3 * j) / F)]);
    const directions = random.normalTensor([F, D]);
    const decoder = directions.div(directions.norm(2, 1, true)) as Tensor;
    const encoder = tf.concat(
      [decoder.add(random.normalTensor([F, D], 0, 0.05)), tf.tensor2d(biases, [F, 1])],
      1,
    );
    const linear = { encoder, decoder, bDec: random.normalTensor([D], 0, 0.1) };
    if (architecture === "jumprelu") return { ...linear, threshold: random.uniformTensor([F], 0, 0.3) };
    if (architecture !== "gated") return linear;
    const [rMag, bMag] = [random.normalTensor([F], 0, 0.2), random.normalTensor([F], 0, 0.2)];
    return { ...linear, rMag, bMag };
  });
}

const batch = (seed: number) => {
  const tensor = new Random(seed).normalTensor([B, D], 0.1, 1.2);
  const data = tensor.dataSync().slice() as Float32Array;
  tensor.dispose();
  return data;
};

function prepared({ options, dead = [], sparsityWeight = 1 }: Case) {
  const config = resolveTrainingConfig({ ...options, dSae: F, batchSize: B }, D);
  const form = trainingOf(config);
  assert.ok(form.fused);
  const context = { config, dead: Int32Array.from(dead), measure: true, sparsityWeight };
  return { config, form, fused: form.fused(), context };
}

/** What the trainer does without the fused step. */
function tensorStep(store: Adam, x: Float32Array, context: StepContext, learningRate: number) {
  const { config } = context;
  const form = trainingOf(config);
  const [input, parameters] = [tf.tensor2d(x, [B, D]), store.read()];
  const { gradients, ...result } = form.step(parameters, input, context);
  const adjusted = { ...gradients, ...form.adjust(gradients, parameters, config) };
  const norm = config.gradientClip > 0 ? globalNorm(adjusted) : undefined;
  const clipped = norm === undefined ? {} : shortened(adjusted, norm, config.gradientClip);
  store.apply({ ...adjusted, ...clipped }, learningRate);
  const moved = store.read();
  const constrained = form.constrain(moved, config);
  for (const [name, value] of Object.entries(constrained)) store.assign(name, value);
  for (const tensors of [gradients, adjusted, clipped, parameters, moved, constrained, { input }])
    disposeAll(tensors);
  return { ...result, gradientNorm: norm };
}

/** Largest difference as a share of the largest expected number. */
function assertClose(got: Tensor, expected: Tensor, bound: number, what: string): void {
  assert.deepEqual(got.shape, expected.shape);
  const error = tf.tidy(
    () => got.sub(expected).abs().max().div(expected.abs().max().add(1e-12)).dataSync()[0],
  );
  assert.ok(error <= bound, `${what}: relative error ${error}`);
}

function assertNear(got: number, expected: number, bound: number, what: string): void {
  assert.ok(
    Math.abs(got - expected) <= bound * Math.abs(expected) + 1e-9,
    `${what}: ${got}, expected ${expected}`,
  );
}

type Outcome = Omit<StepResult, "gradients"> & { gradientNorm?: number };

function assertSameResult(got: Outcome, expected: Outcome, bound: number): void {
  assert.deepEqual(Object.keys(got.losses).sort(), Object.keys(expected.losses).sort());
  for (const [name, loss] of Object.entries(expected.losses)) assertNear(got.losses[name], loss, bound, name);
  assertNear(got.gradientNorm ?? 0, expected.gradientNorm ?? 0, bound, "gradientNorm");
  assertNear(got.smallestActivation ?? 0, expected.smallestActivation ?? 0, bound, "smallestActivation");
  assertNear(got.measured?.l0 ?? 0, expected.measured?.l0 ?? 0, bound, "l0");
  assertNear(got.measured?.fvu ?? 0, expected.measured?.fvu ?? 0, bound, "fvu");
}

describe("the fused step equals step, adjust, clipping, Adam and constrain", () => {
  for (const [seed, one] of cases.entries()) {
    test(one.name, async () => {
      await expectNoLeak(() => {
        const { config, form, fused, context } = prepared(one);
        const parameters = start(seed, one.options.architecture);
        const [host, tensor] = [new HostAdam(parameters), new Adam(parameters)];
        const x = batch(100 + seed);

        const input = tf.tensor2d(x, [B, D]);
        const naive = form.step(parameters, input, context);
        const adjusted = { ...naive.gradients, ...form.adjust(naive.gradients, parameters, config) };
        const { gradients, ...rest } = fused.gradients(host, x, context);
        assertSameResult(rest, naive, 2e-5);
        for (const name of Object.keys(adjusted))
          assertClose(gradients[name], adjusted[name], 1e-4, `gradient of ${name}`);
        for (const tensors of [parameters, naive.gradients, adjusted, gradients, { input }])
          disposeAll(tensors);

        for (let step = 1; step <= 50; step++) {
          const rows = batch(1000 * seed + step);
          const learningRate = 5e-4;
          const got = fused.take(host, rows, { ...context, learningRate });
          const expected = tensorStep(tensor, rows, context, learningRate);
          assertSameResult(got, expected, step === 1 ? 2e-5 : 1e-3);
          if (step > 1 && step < 50) continue;
          const [own, theirs] = [host.read(), tensor.read()];
          for (const name of Object.keys(theirs))
            assertClose(own[name], theirs[name], step === 1 ? 1e-4 : 1e-3, `${name} after ${step} steps`);
          disposeAll(own);
          disposeAll(theirs);
        }
        host.dispose();
        tensor.dispose();
      });
    });
  }
});

test("a step whose loss is not finite moves nothing, and says so", () => {
  for (const architecture of ["standard", "topk", "jumprelu", "gated"] as const) {
    const { fused, context } = prepared({ name: "", options: { architecture } });
    const parameters = start(1, architecture);
    const store = new HostAdam(parameters);
    disposeAll(parameters);
    store.slot("encoder").value[5] = Number.NaN;
    const before = store.slot("decoder").value.slice();
    const { moved, losses } = (fused as FusedStep).take(store, batch(2), { ...context, learningRate: 0.1 });
    assert.equal(moved, false);
    assert.ok(Number.isNaN(losses.mse));
    assert.equal(store.step, 0);
    assert.deepEqual(store.slot("decoder").value, before);
  }
});

test("features going from firing always to hardly ever pass from matrices to lists without a seam", () => {
  const { fused, context } = prepared({
    name: "",
    options: { architecture: "standard", l1Coefficient: 2, reconstructionLoss: "squared-error" },
  });
  const parameters = start(7);
  const [host, tensor] = [new HostAdam(parameters), new Adam(parameters)];
  disposeAll(parameters);
  const l0: number[] = [];
  for (let step = 0; step < 120; step++) {
    const rows = batch(step);
    const got = fused.take(host, rows, { ...context, learningRate: 2e-2 });
    const expected = tensorStep(tensor, rows, context, 2e-2);
    assertNear(got.losses.mse, expected.losses.mse, 2e-3, `mse at step ${step}`);
    assertNear(got.losses.l1, expected.losses.l1, 2e-3, `l1 at step ${step}`);
    l0.push(got.measured?.l0 ?? Number.NaN);
  }
  assert.ok(l0[0] > 0.3 * F && l0[119] < 0.03 * F, `L0 went from ${l0[0]} to ${l0[119]}`);
  host.dispose();
  tensor.dispose();
});
