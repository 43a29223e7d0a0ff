/** `npx vitrine train-clip`: trains Emoji-CLIP on the emoji set (resumes where it stopped; --fresh, --from MODEL, --steps N, --run DIR, --out DIR). */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import {
  designEmojiClip,
  EMOJI_TRAINING,
  emojiContrastiveData,
  emojiScorer,
} from "../../data/emoji-clip/recipe";
import {
  type ClipConfig,
  type ClipTokenizer,
  ClipTrainer,
  loadClip,
  type RunRecord,
  readRun,
  runTraining,
  saveClip,
} from "../../lib/clip";
import { openEmoji } from "../../lib/datasets";
import { writeFileAtomic } from "../../lib/io";
import { figurePng, stopPictures } from "../../lib/notebook";
import { learningCurve, type PlotlyFigure } from "../../lib/plot";

const MODEL_FOLDER = resolve(__dirname, "../../data/emoji-clip");

export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      fresh: { type: "boolean", default: false },
      from: { type: "string" },
      steps: { type: "string", default: String(EMOJI_TRAINING.steps) },
      run: { type: "string", default: join(MODEL_FOLDER, "run") },
      out: { type: "string", default: MODEL_FOLDER },
    },
  });
  const steps = Number(values.steps);
  if (!(Number.isInteger(steps) && steps > 0)) {
    throw new Error(`train-clip: expected --steps to be a whole number above 0, got "${values.steps}"`);
  }
  if (values.fresh) await rm(values.run, { recursive: true, force: true });

  const emoji = await openEmoji();
  const data = await emojiContrastiveData(emoji);
  const design = designEmojiClip(data);
  const { config, tokenizer, tokenizerJson, preprocessor } = design;
  const options = { ...EMOJI_TRAINING, steps };
  const start = values.from === undefined ? undefined : await loadClip(values.from);
  const shape = (clip: { config: ClipConfig; tokenizer: ClipTokenizer }) => {
    const { vision_config, text_config, projection_dim } = clip.config;
    return [vision_config, text_config, projection_dim, clip.tokenizer.hash];
  };
  if (start && !isDeepStrictEqual(shape(start), shape(design))) {
    throw new Error(
      `train-clip: expected --from a model of the recipe's architecture and vocabulary, got "${values.from}" of another`,
    );
  }
  const trainer = new ClipTrainer(config, data, tokenizer, preprocessor, options, start);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

  const finished = await runTraining(trainer, {
    folder: values.run,
    logEvery: 25,
    evaluateEvery: 250,
    checkpointEvery: 250,
    evaluate: await emojiScorer(emoji, design),
    onRecord: (record) => console.log(describe(record, steps)),
    signal: stop.signal,
  });
  if (!finished) {
    console.log(
      `train-clip: stopped after step ${trainer.step} of ${steps}; the same command goes on from there`,
    );
    return 130;
  }
  const parameters = trainer.averaged();
  await saveClip(values.out, { config, parameters, tokenizer: tokenizerJson, preprocessor });
  const records = await readRun(values.run);
  await writeFileAtomic(
    join(values.out, "training.json"),
    `${JSON.stringify(summary(records, options, emoji.hash))}\n`,
  );
  await writeFileAtomic(join(values.out, "curve.png"), [await figurePng(curve(records))]);
  console.log(`train-clip: wrote ${values.out}`);
  stopPictures();
  trainer.dispose();
  return 0;
}

function describe(record: RunRecord, steps: number): string {
  const at = `step ${String(record.step).padStart(String(steps).length)}/${steps}`;
  if (record.kind === "evaluation") {
    const scores = Object.entries(record.scores).map(
      ([name, score]) => `${name} ${(100 * score).toFixed(1)}%`,
    );
    return `${at}  ${scores.join("  ")}`;
  }
  const left = ((steps - record.step) * record.seconds) / record.step;
  const eta = left > 90 ? `${Math.round(left / 60)} min` : `${Math.round(left)} s`;
  const { loss, pictureToText, learningRate, picturesPerSecond } = record;
  return `${at}  loss ${loss.toFixed(3)}  picture→text ${pictureToText.toFixed(3)}  lr ${learningRate.toExponential(1)}  ${Math.round(picturesPerSecond)} pictures/s  about ${eta} left`;
}

/** Loss and held-out accuracy over the run. */
function curve(records: readonly RunRecord[]): PlotlyFigure {
  const train = records.flatMap((record) => (record.kind === "train" ? [record] : []));
  const evaluations = records.flatMap((record) => (record.kind === "evaluation" ? [record] : []));
  const steps = evaluations.map(({ step }) => step);
  return learningCurve({
    title: "Training Emoji-CLIP",
    loss: { steps: train.map(({ step }) => step), values: train.map(({ loss }) => loss) },
    heldOut: {
      steps,
      top1: evaluations.map(({ scores }) => scores.heldOutTop1),
      top5: evaluations.map(({ scores }) => scores.heldOutTop5),
    },
  });
}

/** What stays beside the weights: options, and the curve with a point an evaluation. */
function summary(records: readonly RunRecord[], options: object, dataHash: string): object {
  const curve = records.flatMap((record, i) => {
    if (record.kind !== "evaluation") return [];
    const trained = records
      .slice(0, i)
      .reverse()
      .find((line) => line.kind === "train");
    const loss = trained?.kind === "train" ? trained.loss : undefined;
    return [{ step: record.step, seconds: Math.round(record.seconds), loss, ...record.scores }];
  });
  return { dataHash, options, curve };
}
