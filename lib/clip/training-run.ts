/** A training run in a folder: checkpoints, metrics and held-out evaluation, resumed exactly where it stopped. */
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors, type StoredTensor, writeFileAtomic, writeSafetensors } from "../io";
import { disposeAll, type NamedTensors, tf } from "../tensor";
import type { ClipTrainer, StepMetrics } from "./training";

/** One line of metrics.jsonl: a mean over the steps since the line before, or an evaluation. */
export type RunRecord =
  | ({ kind: "train"; seconds: number; picturesPerSecond: number } & Omit<StepMetrics, "pictures">)
  | { kind: "evaluation"; step: number; seconds: number; scores: Record<string, number> };

export interface RunOptions {
  /** Where checkpoint and metrics are kept. */
  folder: string;
  /** Steps between lines of metrics. */
  logEvery: number;
  /** Steps between evaluations. */
  evaluateEvery: number;
  /** Steps between checkpoints. */
  checkpointEvery: number;
  /** Scores of the averaged parameters. */
  evaluate: (parameters: NamedTensors) => Promise<Record<string, number>>;
  onRecord: (record: RunRecord) => void;
  /** Stops after the step under way, with a checkpoint. */
  signal?: AbortSignal;
}

/** Trains to the trainer's last step. Returns whether it got there (false: stopped by the signal). */
export async function runTraining(trainer: ClipTrainer, options: RunOptions): Promise<boolean> {
  const { folder, signal } = options;
  const { steps } = trainer.options;
  await mkdir(folder, { recursive: true });
  const before = await resume(trainer, folder);
  const start = performance.now();
  const seconds = () => before + (performance.now() - start) / 1000;
  const record = async (line: RunRecord) => {
    await appendFile(join(folder, "metrics.jsonl"), `${JSON.stringify(line)}\n`);
    options.onRecord(line);
  };
  let window: StepMetrics[] = [];
  let windowStart = performance.now();
  while (trainer.step < steps && !signal?.aborted) {
    window.push(trainer.trainStep());
    const { step } = trainer;
    if (step % options.logEvery === 0 || step === steps) {
      const { pictures, ...mean } = meanOf(window);
      const picturesPerSecond = (pictures * window.length) / ((performance.now() - windowStart) / 1000);
      await record({ kind: "train", seconds: seconds(), picturesPerSecond, ...mean, step });
      [window, windowStart] = [[], performance.now()];
    }
    if (step % options.evaluateEvery === 0 || step === steps) {
      const scores = await options.evaluate(trainer.averaged());
      await record({ kind: "evaluation", step, seconds: seconds(), scores });
      windowStart = performance.now();
    }
    if (step % options.checkpointEvery === 0) await writeCheckpoint(trainer, folder, seconds());
    // Lets signals and timers in: the step itself is one synchronous stretch.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writeCheckpoint(trainer, folder, seconds());
  return trainer.step >= steps;
}

/** All records of a run, none where there is no run; a last line that was cut short is left out. */
export async function readRun(folder: string): Promise<RunRecord[]> {
  const text = await readFile(join(folder, "metrics.jsonl"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as RunRecord);
}

async function writeCheckpoint(trainer: ClipTrainer, folder: string, seconds: number): Promise<void> {
  const { step, tensors } = trainer.state();
  const stored = new Map<string, StoredTensor>();
  for (const [name, tensor] of Object.entries(tensors)) {
    stored.set(name, { dtype: "F32", shape: tensor.shape, data: tensor.dataSync() as Float32Array });
  }
  disposeAll(tensors);
  await writeSafetensors(join(folder, "checkpoint.safetensors"), stored, {
    step: String(step),
    seconds: String(seconds),
    options: trainer.fingerprint,
  });
}

/** Restores the checkpoint, if there is one, and drops the metrics that came after it. Returns the seconds so far. */
async function resume(trainer: ClipTrainer, folder: string): Promise<number> {
  const path = join(folder, "checkpoint.safetensors");
  const metrics = join(folder, "metrics.jsonl");
  const file = await readSafetensors(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!file) {
    await writeFileAtomic(metrics, "");
    return 0;
  }
  if (file.metadata.options !== trainer.fingerprint) {
    throw new Error(
      `${path}: expected a checkpoint of these options, data and vocabulary, got one of others (do: --fresh, or the old ones)`,
    );
  }
  const step = Number(file.metadata.step);
  const tensors: NamedTensors = {};
  for (const [name, { data, shape }] of file.tensors) tensors[name] = tf.tensor(data as Float32Array, shape);
  trainer.restore({ step, tensors });
  disposeAll(tensors);
  const kept = (await readRun(folder)).filter((line) => line.step <= step);
  await writeFileAtomic(metrics, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return Number(file.metadata.seconds);
}

function meanOf(steps: readonly StepMetrics[]): StepMetrics {
  const keys = Object.keys(steps[0]) as (keyof StepMetrics)[];
  return Object.fromEntries(
    keys.map((key) => [key, steps.reduce((sum, line) => sum + line[key], 0) / steps.length]),
  ) as unknown as StepMetrics;
}
