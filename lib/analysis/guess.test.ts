import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource, Sae } from "../sae";
import { expectNoLeak, Random, tf } from "../tensor";
import { LabelProfiles, playGuessing, strongestFeatures } from "./guess";

/** Each dimension is a feature. */
function identitySae(width: number): Sae {
  const weights = {
    WEnc: tf.eye(width),
    bEnc: tf.zeros([width]),
    WDec: tf.eye(width),
    bDec: tf.zeros([width]),
  };
  return new Sae({ architecture: "standard", dIn: width, dSae: width, applyBDecToInput: true }, weights);
}

test("a picture's own activations do not speak for its label", () => {
  const profiles = new LabelProfiles(2, 3);
  profiles.add(Float32Array.of(1, 0, 0), 0);
  profiles.add(Float32Array.of(0, 2, 0), 0);
  profiles.add(Float32Array.of(3, 0, 0), 1);
  const f = Float32Array.of(1, 0, 0);
  assert.equal(profiles.similarity(f, 0, true), 0);
  assert.ok(Math.abs(profiles.similarity(f, 0) - 1 / Math.sqrt(5)) < 1e-12);
  assert.equal(profiles.similarity(f, 1), 1);
});

test("labels that fire features of their own are always guessed, random features are guessed by chance", async () => {
  await expectNoLeak(async () => {
    const [N, L] = [240, 6];
    const random = new Random("guess");
    const labels = Int32Array.from({ length: N }, (_, i) => i % L);
    const own = Float32Array.from({ length: N * L }, (_, i) => (i % L === labels[Math.floor(i / L)] ? 1 : 0));
    const noise = Float32Array.from({ length: N * L }, () => Math.max(0, random.normal()));
    const sae = identitySae(L);
    const play = (data: Float32Array, rounds: number) =>
      playGuessing({ sae, activations: memorySource(data, L), labels, labelCount: L, rounds });
    const perfect = await play(own, 40);
    assert.deepEqual([perfect.accuracy, perfect.error, perfect.chance], [1, 0, 0.25]);
    // Of a label's forty pictures one makes its profile; the fortieth round that plays this very picture has nothing to go by.
    const activations = memorySource(own, L);
    const few = { sae, activations, labels, labelCount: L, rounds: 200, picturesPerLabel: 1 };
    assert.ok(
      (await playGuessing(few)).accuracy > 0.9,
      "a picture outside its profile is not taken out of it",
    );
    const blind = await play(noise, 1500);
    assert.ok(Math.abs(blind.accuracy - 0.25) < 4 * blind.error, `${blind.accuracy}`);
    for (const { truth, choices, picture } of blind.rounds.slice(0, 50)) {
      assert.equal(new Set(choices).size, 4);
      assert.ok(choices.includes(truth) && truth === labels[picture]);
    }
    sae.dispose();
  });
});

test("the strongest features come in order, silent ones not at all; too few labels are refused", async () => {
  const sae = identitySae(4);
  const activations = memorySource(Float32Array.of(0.5, 0, 3, -1, 1, 1, 1, 1), 4);
  assert.deepEqual(await strongestFeatures(sae, activations, 0, 5), [
    { feature: 2, activation: 3 },
    { feature: 0, activation: 0.5 },
  ]);
  await assert.rejects(
    playGuessing({ sae, activations, labels: [0, 0], labelCount: 2 }),
    /expected 4 labels of two pictures or more, got 1/,
  );
  await assert.rejects(
    playGuessing({ sae, activations, labels: [0], labelCount: 2 }),
    /expected 2 labels, got 1/,
  );
  sae.dispose();
});
