import assert from "node:assert/strict";
import { test } from "node:test";
import { disposeAll, expectNoLeak, Random, tf } from "../tensor";
import { trainingOf } from "./architectures";
import {
  resolveTrainingConfig,
  type SaeTrainingOptions,
  saeConfigOf,
  TRAINING_ARCHITECTURES,
} from "./config";
import { Sae } from "./sae";

const [D, F, B] = [7, 30, 40];

/** Parameters in which nothing is at its start any more. */
function trained(options: SaeTrainingOptions) {
  const config = resolveTrainingConfig(options, D);
  const form = trainingOf(config);
  const random = new Random("folding");
  const start = form.start(config, new Float32Array(D), random);
  const parameters = Object.fromEntries(
    Object.entries(start).map(([name, tensor]) => [
      name,
      tf.tidy(() => tensor.add(random.normalTensor(tensor.shape, 0, 0.3))),
    ]),
  );
  const constrained = form.constrain(parameters, config);
  for (const name of Object.keys(constrained)) parameters[name].dispose();
  disposeAll(start);
  return { config, form, parameters: { ...parameters, ...constrained } };
}

for (const architecture of TRAINING_ARCHITECTURES) {
  for (const decoderNorm of ["unit", "free"] as const) {
    for (const applyBDecToInput of [true, false]) {
      const variant = `decoder norm ${decoderNorm}, bDec ${applyBDecToInput ? "" : "not "}taken from the input`;
      test(`${architecture} forgets scale and centre of its training (${variant})`, async () => {
        await expectNoLeak(() => {
          const topk = architecture.includes("topk") ? { k: 5 } : {};
          const options = { architecture, dSae: F, decoderNorm, applyBDecToInput, ...topk };
          const { config, form, parameters } = trained(options as SaeTrainingOptions);
          const random = new Random("rows");
          const centre = Float32Array.from({ length: D }, () => 5 * random.normal());
          const scale = 0.4;
          const state = { activationThreshold: 0.7 };
          const make = (scaling: { scale: number; centre: Float32Array }) =>
            new Sae(saeConfigOf(config), form.weights(parameters, scaling, config, state));
          const inTraining = make({ scale: 1, centre: new Float32Array(D) });
          const finished = make({ scale, centre });
          const raw = tf.tidy(() => random.normalTensor([B, D], 0, 3).add(centre));
          const scaled = tf.tidy(() => raw.sub(centre).mul(scale));
          const [f, fTraining] = [finished.encode(raw), inTraining.encode(scaled)];
          const [xHat, xHatTraining] = [finished.decode(f), inTraining.decode(fTraining)];
          const expected = tf.tidy(() => xHatTraining.div(scale).add(centre));
          const [error, active, differ] = tf.tidy(() => [
            xHat.sub(expected).abs().max().div(expected.abs().max()).dataSync()[0],
            f.greater(0).mean().dataSync()[0],
            f.greater(0).notEqual(fTraining.greater(0)).sum().dataSync()[0],
          ]) as unknown as number[];
          assert.ok(active > 0.02 && active < 0.98, `share of active features ${active}`);
          assert.equal(differ, 0);
          assert.ok(error < 1e-5, `relative error ${error}`);
          tf.dispose([raw, scaled, f, fTraining, xHat, xHatTraining, expected]);
          disposeAll(parameters);
          inTraining.dispose();
          finished.dispose();
        });
      });
    }
  }
}
