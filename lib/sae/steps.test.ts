import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readSafetensors } from "../io";
import { Adam, disposeAll, expectNoLeak, type NamedTensors, type Tensor, tf } from "../tensor";
import { trainingOf } from "./architectures";
import { takeSnapshot } from "./checkpoint";
import { resolveTrainingConfig, type SaeTrainingConfig, type SaeTrainingOptions } from "./config";
import { RunFolder } from "./run-folder";
import { trainSae } from "./trainer";
import { deadFeatures } from "./training";

/** Written by fixtures/make.py: SAELens's training classes, and the post's recipe in PyTorch. */
const FIXTURES = join(__dirname, "fixtures", "steps");
const root = mkdtempSync(join(tmpdir(), "steps-"));
after(() => rmSync(root, { recursive: true, force: true }));

interface Fixture {
  config: SaeTrainingConfig;
  options: SaeTrainingOptions;
  losses: Record<string, number>;
  /** Tensors start.NAME, gradient.NAME or end.NAME as NAME; the caller owns them. */
  read(prefix: string): NamedTensors;
  batches: Float32Array;
  stepsSinceFired: Int32Array;
  activationThreshold?: number;
}

async function readFixture(file: string): Promise<Fixture> {
  const { tensors, metadata } = await readSafetensors(join(FIXTURES, file));
  const data = (name: string) => tensors.get(name)?.data;
  const options = JSON.parse(metadata.config) as SaeTrainingOptions;
  const dIn = data("start.bDec")?.length ?? 0;
  return {
    options,
    config: resolveTrainingConfig(options, dIn),
    losses: JSON.parse(metadata.losses),
    read: (prefix) =>
      Object.fromEntries(
        [...tensors]
          .filter(([name]) => name.startsWith(`${prefix}.`))
          .map(([name, stored]) => [
            name.slice(prefix.length + 1),
            tf.tensor(stored.data as Float32Array, stored.shape),
          ]),
      ),
    batches: data("batches") as Float32Array,
    stepsSinceFired: data("stepsSinceFired") as Int32Array,
    activationThreshold: data("activationThreshold")?.[0] as number | undefined,
  };
}

/** The reference's tensors in training's own layout; takes them over. */
function toParameters(named: NamedTensors): NamedTensors {
  const { WEnc, WDec, bEnc, bGate, ...others } = named;
  const encoder = tf.tidy(() => tf.concat([WEnc.transpose(), (bEnc ?? bGate).reshape([-1, 1])], 1));
  tf.dispose([WEnc, bEnc ?? bGate]);
  return { encoder, decoder: WDec, ...others };
}

/** Largest difference as a share of the largest expected number, encoder and its bias apart. */
function relativeErrors(got: NamedTensors, expected: NamedTensors): Record<string, number> {
  assert.deepEqual(Object.keys(got).sort(), Object.keys(expected).sort());
  const error = (a: Tensor, b: Tensor) =>
    tf.tidy(() => a.sub(b).abs().max().div(b.abs().max().add(1e-12)).dataSync()[0]);
  const errors: Record<string, number> = {};
  for (const [name, tensor] of Object.entries(got)) {
    assert.deepEqual(tensor.shape, expected[name].shape);
    if (name !== "encoder") {
      errors[name] = error(tensor, expected[name]);
      continue;
    }
    const [F, width] = tensor.shape;
    const part = (x: Tensor, first: number, size: number) => x.slice([0, first], [F, size]);
    for (const [key, first, size] of [
      ["WEnc", 0, width - 1],
      ["bEnc", width - 1, 1],
    ] as const) {
      errors[key] = tf.tidy(() => [error(part(tensor, first, size), part(expected[name], first, size))])[0];
    }
  }
  return errors;
}

function assertWithin(errors: Record<string, number>, bound: number, what: string): void {
  for (const [name, error] of Object.entries(errors))
    assert.ok(error < bound, `${what} ${name}: relative error ${error}`);
}

describe("the first step's losses and gradients equal the reference's", () => {
  for (const file of readdirSync(FIXTURES).sort()) {
    test(file, async () => {
      const fixture = await readFixture(file);
      const { config, losses, stepsSinceFired } = fixture;
      await expectNoLeak(() => {
        const parameters = toParameters(fixture.read("start"));
        const expected = toParameters(fixture.read("gradient"));
        const x = tf.tensor2d(fixture.batches.slice(0, config.batchSize * config.dIn), [
          config.batchSize,
          config.dIn,
        ]);
        const warmUp = Math.max(Reflect.get(config, "l1WarmUpSteps") ?? 0, 0);
        const dead = deadFeatures(stepsSinceFired, config.deadAfterSteps);
        const form = trainingOf(config);
        const context = { config, dead, measure: true, sparsityWeight: warmUp > 0 ? 0 : 1 };
        const result = form.step(parameters, x, context);
        for (const [name, value] of Object.entries(losses)) {
          const got = result.losses[name];
          assert.ok(
            Math.abs(got - value) <= 1e-4 * Math.abs(value) + 1e-9,
            `${name}: ${got}, expected ${value}`,
          );
        }
        // PyTorch's gradients before the constraint, and after it.
        assertWithin(relativeErrors(result.gradients, expected), 1e-4, "gradient of");
        const adjusted = form.adjust(result.gradients, parameters, config);
        const reference = form.adjust(expected, parameters, config);
        assertWithin(relativeErrors(adjusted, reference), 1e-4, "adjusted gradient of");
        for (const tensors of [parameters, expected, result.gradients, adjusted, reference, { x }])
          disposeAll(tensors);
      });
    });
  }
});

describe("whole runs end where the reference's do", () => {
  for (const file of readdirSync(FIXTURES).sort()) {
    test(file, async () => {
      const fixture = await readFixture(file);
      const { config, batches } = fixture;
      // A checkpoint before the first step carries the reference's start, and the source gives its batches in turn.
      const folder = new RunFolder(join(root, file));
      const stopping = { evaluateEvery: 0, metric: "fvu", patience: 0, restoreBest: false };
      await folder.open({ config, data: `#order-${config.seed}`, stopping });
      const parameters = toParameters(fixture.read("start"));
      const optimizer = new Adam(parameters);
      const start = {
        step: 0,
        seconds: 0,
        scaling: { scale: 1, centre: new Float32Array(config.dIn) },
        stepsSinceFired: fixture.stepsSinceFired,
        activationThreshold: 0,
      };
      const place = { position: { epoch: 0, cursor: 0 }, tensors: new Map() };
      await folder.checkpoints.write(takeSnapshot(optimizer, start, place), 2, []);
      await folder.checkpoints.settled();
      optimizer.dispose();
      disposeAll(parameters);
      let next = 0;
      const inTurn = {
        rows: config.batchSize,
        width: config.dIn,
        gather(_: Uint32Array, into: Float32Array) {
          into.set(batches.subarray(next * into.length, (next + 1) * into.length));
          next++;
        },
      };
      const { sae, metrics } = await trainSae(inTurn, fixture.options, { runFolder: folder.path });
      assert.equal(next, config.steps);
      assert.ok(metrics.every(({ loss }) => Number.isFinite(loss)));
      const end = toParameters(fixture.read("end"));
      const state = { activationThreshold: fixture.activationThreshold ?? 0 };
      const noScaling = { scale: 1, centre: new Float32Array(config.dIn) };
      const expected = trainingOf(config).weights(end, noScaling, config, state);
      const bound = config.steps > 1 ? 1e-3 : 1e-4;
      assertWithin(relativeErrors(sae.weights, expected), bound, `after ${config.steps} steps`);
      sae.dispose();
      disposeAll(end);
      disposeAll(expected);
    });
  }
});
