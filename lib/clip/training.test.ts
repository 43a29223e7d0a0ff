import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { disposeAll, expectNoLeak, type NamedTensors, Random, tf, unitRows } from "../tensor";
import {
  augment,
  type ClipConfig,
  ClipTokenizer,
  ClipTrainer,
  type ContrastiveData,
  drawBatch,
  embedPatches,
  embedTokens,
  initialParameters,
  normalisePixels,
  preprocessorConfig,
  readRun,
  runTraining,
  STRONG_AUGMENTATION,
  type TrainingOptions,
  toPatches,
  trainTokenizer,
  zeroShotAccuracy,
} from ".";

const SIDE = 16;
const NAMES = ["red square", "green square", "blue square", "yellow square", "grey square", "dark square"];
const COLOURS = [
  [220, 30, 30],
  [30, 200, 30],
  [30, 30, 220],
  [230, 220, 20],
  [150, 150, 150],
  [40, 40, 40],
];

/** Six colours, four pictures each. */
function colourData(): ContrastiveData {
  const random = new Random("colours");
  const pictures = new Uint8Array(NAMES.length * 4 * SIDE * SIDE * 3);
  for (let i = 0; i < pictures.length; i++) {
    const picture = Math.floor(i / (SIDE * SIDE * 3));
    pictures[i] = COLOURS[Math.floor(picture / 4)][i % 3] + random.int(20);
  }
  const concepts = NAMES.map((name, i) => ({
    name,
    keywords: ["shape"],
    pictures: [0, 1, 2, 3].map((n) => 4 * i + n),
    label: i < 3 ? 0 : 1,
    rare: false,
  }));
  return {
    hash: "colours",
    pictures,
    side: SIDE,
    concepts,
    labelTexts: ["an emoji of bright", "an emoji of dull"],
  };
}

const data = colourData();
const tokenizerJson = trainTokenizer([...NAMES, ...data.labelTexts], 40);
const vocabulary = Object.keys((tokenizerJson as { model: { vocab: object } }).model.vocab).length;
const tower = {
  num_hidden_layers: 2,
  num_attention_heads: 2,
  layer_norm_eps: 1e-5,
  hidden_act: "quick_gelu" as const,
};
const config: ClipConfig = {
  projection_dim: 16,
  logit_scale_init_value: 2.6592,
  vision_config: {
    ...tower,
    hidden_size: 32,
    intermediate_size: 64,
    image_size: 16,
    patch_size: 8,
    num_channels: 3,
  },
  text_config: {
    ...tower,
    hidden_size: 32,
    intermediate_size: 64,
    vocab_size: vocabulary,
    max_position_embeddings: 16,
    bos_token_id: vocabulary - 2,
    eos_token_id: vocabulary - 1,
  },
};
const tokenizer = new ClipTokenizer(tokenizerJson, config.text_config);
const preprocessor = preprocessorConfig(16);
const options: TrainingOptions = {
  steps: 40,
  seed: 42,
  warmUpSteps: 5,
  learningRate: 5e-3,
  muonRate: 1,
  weightDecay: 0.1,
  maxGradientNorm: 1,
  keptPatchShare: 0.5,
  allPatchesFrom: 0.85,
  averageDecay: 0.9,
  weights: { pictureToText: 0.5, textToPicture: 0.5, pictureToPicture: 0.5, pictureToLabel: 0.2 },
  bankEvery: 4,
  batch: { concepts: 4, picturesPerConcept: 3, rareShare: 0, mixShare: 0.3 },
  augmentation: { ...STRONG_AUGMENTATION, colour: 0, permute: 0, grey: 0, outline: 0 },
};
const newTrainer = () => new ClipTrainer(config, data, tokenizer, preprocessor, options);

async function evaluate(parameters: NamedTensors): Promise<Record<string, number>> {
  let top1 = 0;
  tf.tidy(() => {
    const patches = toPatches(normalisePixels(data.pictures, preprocessor), config.vision_config);
    const classes = unitRows(embedTokens(tokenizer.batch(NAMES), parameters, config));
    const labels = Int32Array.from({ length: 24 }, (_, i) => Math.floor(i / 4));
    top1 = zeroShotAccuracy(unitRows(embedPatches(patches, parameters, config)), classes, labels).top1;
  });
  return { top1 };
}

test("a small CLIP learns to name colours, and a run that was stopped and resumed ends with the same bits", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-clip-"));
  const common = { logEvery: 5, evaluateEvery: 10, checkpointEvery: 7, evaluate };
  try {
    await expectNoLeak(async () => {
      const whole = newTrainer();
      const finished = await runTraining(whole, {
        ...common,
        folder: join(folder, "whole"),
        onRecord: () => {},
      });
      assert.equal(finished, true);
      const { top1 } = await evaluate(whole.averaged());
      assert.ok(top1 >= 0.9, `top-1 ${top1} of six colours`);

      const stop = new AbortController();
      const first = newTrainer();
      const stopAt20 = () => {
        if (first.step >= 20) stop.abort();
      };
      const part = join(folder, "part");
      assert.equal(
        await runTraining(first, { ...common, folder: part, onRecord: stopAt20, signal: stop.signal }),
        false,
      );
      first.dispose();
      const second = newTrainer();
      assert.equal(await runTraining(second, { ...common, folder: part, onRecord: () => {} }), true);

      const [a, b] = [whole.state(), second.state()];
      assert.equal(a.step, b.step);
      for (const name of Object.keys(a.tensors)) {
        assert.deepEqual(b.tensors[name].dataSync(), a.tensors[name].dataSync(), name);
      }
      tf.dispose([a.tensors, b.tensors]);
      whole.dispose();
      second.dispose();

      const losses = async (run: string) =>
        (await readRun(join(folder, run))).map((line) =>
          line.kind === "train" ? [line.step, line.loss] : line.scores,
        );
      assert.deepEqual(await losses("part"), await losses("whole"));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a checkpoint of other options or other texts is refused with what to do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-clip-"));
  const common = {
    folder,
    logEvery: 5,
    evaluateEvery: 100,
    checkpointEvery: 100,
    evaluate,
    onRecord: () => {},
  };
  try {
    const trainer = new ClipTrainer(config, data, tokenizer, preprocessor, { ...options, steps: 2 });
    await runTraining(trainer, common);
    await assert.rejects(
      runTraining(newTrainer(), common),
      /expected a checkpoint of these options.*--fresh/,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("training can start from a model, which stays as it was, and whose checkpoints no other start may take", async () => {
  await expectNoLeak(() => {
    const parameters = initialParameters(config, new Random("another"));
    const from = (hash: string) =>
      new ClipTrainer(
        config,
        data,
        tokenizer,
        preprocessor,
        { ...options, muonRate: 0 },
        { parameters, hash },
      );
    const [one, other, none] = [from("one"), from("other"), newTrainer()];
    assert.equal(new Set([one, other, none].map(({ fingerprint }) => fingerprint)).size, 3);
    const before = Object.fromEntries(Object.entries(parameters).map(([name, x]) => [name, x.dataSync()]));
    for (const [name, x] of Object.entries(one.averaged()))
      assert.deepEqual(x.dataSync(), before[name], name);
    one.trainStep();
    for (const [name, x] of Object.entries(parameters)) assert.deepEqual(x.dataSync(), before[name], name);
    for (const trainer of [one, other, none]) trainer.dispose();
    disposeAll(parameters);
  });
});

test("a line of metrics that a crash cut short is left out, and a run that is not there has none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-clip-"));
  try {
    assert.deepEqual(await readRun(folder), []);
    const line = { kind: "evaluation", step: 5, seconds: 1, scores: { top1: 0.5 } };
    const torn = JSON.stringify({ ...line, step: 10 }).slice(0, -1); // ends in a brace all the same
    await writeFile(join(folder, "metrics.jsonl"), `${JSON.stringify(line)}\n${torn}`);
    assert.deepEqual(await readRun(folder), [line]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a batch depends on the seed and the step alone, and an epoch shows every concept once", () => {
  const batchOptions = { ...options.batch, concepts: 3 };
  assert.deepEqual(drawBatch(data, 5, 1, batchOptions), drawBatch(data, 5, 1, batchOptions));
  const epoch = [0, 1].flatMap((step) => drawBatch(data, step, 1, batchOptions).concepts);
  assert.deepEqual([...epoch].sort(), [0, 1, 2, 3, 4, 5]);
});

test("views keep white white, stay in range, and differ from each other", () => {
  const white = augment(tf.ones([4, SIDE, SIDE, 3]), 16, STRONG_AUGMENTATION, new Random(1));
  assert.ok(tf.sub(1, white).abs().max().dataSync()[0] < 1e-5);
  const pixels = new Random(2).uniformTensor([4, SIDE, SIDE, 3]);
  const [one, two] = [3, 4].map((seed) => augment(pixels, 16, STRONG_AUGMENTATION, new Random(seed)));
  assert.ok(one.min().dataSync()[0] >= 0 && one.max().dataSync()[0] <= 1);
  assert.ok(one.sub(two).abs().mean().dataSync()[0] > 0.01);
  const still = { ...STRONG_AUGMENTATION, rotation: 0, stretch: 0, shear: 0, shift: 0, colour: 0, grey: 0 };
  const same = augment(
    pixels,
    SIDE,
    { ...still, zoom: [1, 1], permute: 0, outline: 0, blur: [0, 0] },
    new Random(5),
  );
  assert.ok(
    same.sub(pixels).abs().max().dataSync()[0] < 1e-4,
    "a view without any change is the picture itself",
  );
});
