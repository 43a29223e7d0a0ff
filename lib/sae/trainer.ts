/** Trains an SAE: an asynchronous loop that can be watched, interrupted, and resumed to the same bits. */
import { rmSync } from "node:fs";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import {
  Adam,
  disposeAll,
  HostAdam,
  type NamedTensors,
  type ParameterStore,
  Random,
  type Tensor,
  tensorflowBuild,
  tf,
} from "../tensor";
import { type StepContext, type TrainingForm, trainingOf } from "./architectures";
import {
  resolveTrainingConfig,
  type SaeTrainingConfig,
  type SaeTrainingOptions,
  saeConfigOf,
} from "./config";
import type { FusedResult, FusedStep } from "./fused-step";
import { globalNorm, shortened } from "./gradient-clip";
import { initialBDec } from "./init";
import { RunFolder, type TrainingMetrics, type TrainingState } from "./run-folder";
import { Sae, type SaeMetadata } from "./sae";
import { loadSae, saveSae } from "./saelens";
import { inputScaling, scaleInPlace } from "./scaling";
import { learningRateAt, sparsityWeightAt } from "./schedule";
import { type ActivationSource, ShuffledOrder } from "./source";

/** How a run is watched and kept. */
export interface TrainSaeOptions {
  /** Folder for config, metrics, checkpoints and the finished SAE. Without it nothing is written. */
  runFolder?: string;
  /** Starts over even where `runFolder` holds a run. Default false: it goes on, or returns at once when finished. */
  restart?: boolean;
  /** Called with each metrics record, those of a resumed run's past included. */
  onMetrics?: (metrics: TrainingMetrics) => void;
  /** Steps between metrics. Default 25. The first and last step have one too. */
  metricsEvery?: number;
  /** Called after a checkpoint was written. */
  onCheckpoint?: (checkpoint: { step: number; folder: string }) => void;
  /** Steps between checkpoints. Default 500. */
  checkpointEvery?: number;
  /** Stops the run: it writes its checkpoint, then throws the signal's reason. */
  signal?: AbortSignal;
  /** Kept with the finished SAE: model_name, hook_name, dataset_path, … */
  metadata?: SaeMetadata;
}

export interface TrainSaeResult {
  /** In the units of the raw inputs; owned by the caller. */
  sae: Sae;
  metrics: TrainingMetrics[];
  /** The options with their defaults. */
  config: SaeTrainingConfig;
}

/**
 * Trains on `source` for `options.steps` steps. Same options and rows, same bits, however often the run was stopped
 * and resumed between. Throws when a loss is not finite, naming the step, and when `runFolder` holds another run.
 */
export async function trainSae(
  source: ActivationSource,
  options: SaeTrainingOptions,
  watch: TrainSaeOptions = {},
): Promise<TrainSaeResult> {
  const config = resolveTrainingConfig(options, source.width);
  const { signal, metadata = {}, onMetrics = () => {} } = watch;
  if (watch.restart && watch.runFolder) rmSync(watch.runFolder, { recursive: true, force: true });
  const folder = watch.runFolder ? new RunFolder(watch.runFolder) : undefined;
  await folder?.open(config, source.contentHash ?? "");
  if (folder?.isFinished()) {
    const metrics = folder.readMetrics();
    metrics.forEach(onMetrics);
    return { sae: await loadSae(folder.saePath), metrics, config };
  }

  const run = await SaeTraining.start(source, config, folder);
  try {
    const metrics: TrainingMetrics[] = folder ? await folder.rewindMetrics(run.step) : [];
    metrics.forEach(onMetrics);
    const { metricsEvery = 25, checkpointEvery = 500 } = watch;
    const checkpoint = async () => {
      if (!folder) return;
      await folder.writeCheckpoint(run.optimizer, run.state());
      watch.onCheckpoint?.({ step: run.step, folder: folder.path });
    };
    while (run.step < config.steps) {
      if (signal?.aborted) {
        await checkpoint();
        throw signal.reason;
      }
      const number = run.step + 1;
      const measured = await run.takeStep(
        number === 1 || number % metricsEvery === 0 || number === config.steps,
      );
      if (measured) {
        metrics.push(measured);
        folder?.appendMetrics(measured);
        onMetrics(measured);
      }
      if (number % checkpointEvery === 0 && number < config.steps) await checkpoint();
      await yieldToEvents();
    }
    await checkpoint();
    const sae = run.finish(metadata);
    if (folder) await saveSae(folder.saePath, sae);
    return { sae, metrics, config };
  } finally {
    run.dispose();
  }
}

/** The moving parts of one run. */
class SaeTraining {
  private readonly form: TrainingForm;
  private readonly fused: FusedStep | undefined;
  private readonly batch: Float32Array;
  private lastMeasured: { at: number; tokens: number };
  private readonly startedAt: number;

  private constructor(
    private readonly source: ActivationSource,
    private readonly config: SaeTrainingConfig,
    readonly optimizer: ParameterStore,
    private readonly kept: TrainingState,
    private readonly order: ShuffledOrder,
    private readonly folder: RunFolder | undefined,
  ) {
    this.form = trainingOf(config);
    this.fused = optimizer instanceof HostAdam ? this.form.fused?.() : undefined;
    this.batch = new Float32Array(config.batchSize * config.dIn);
    this.startedAt = performance.now() - 1000 * kept.seconds;
    this.lastMeasured = { at: performance.now(), tokens: this.step * config.batchSize };
  }

  /** Starts from the folder's checkpoint if it has one, else from the seed. */
  static async start(
    source: ActivationSource,
    config: SaeTrainingConfig,
    folder: RunFolder | undefined,
  ): Promise<SaeTraining> {
    const random = new Random(config.seed);
    const sampled = random.fork("init-rows").permutation(source.rows).subarray(0, config.initRows);
    const rows = new Float32Array(sampled.length * config.dIn);
    await source.gather(sampled, rows);
    const scaling = inputScaling(rows, config.dIn, config);
    scaleInPlace(rows, config.dIn, scaling);
    const bDec = initialBDec(config.bDecInit, rows, config.dIn, config.medianTolerance);
    const parameters = trainingOf(config).start(config, bDec, random.fork("weights"));
    const Store = fuses(config) ? HostAdam : Adam;
    const optimizer: ParameterStore = new Store(parameters, { beta1: config.beta1, beta2: config.beta2 });
    disposeAll(parameters);
    let state: TrainingState = {
      step: 0,
      position: { epoch: 0, cursor: 0 },
      seconds: 0,
      scaling,
      stepsSinceFired: new Int32Array(config.dSae),
      activationThreshold: 0,
    };
    try {
      if (folder?.hasCheckpoint()) state = await folder.readCheckpoint(optimizer);
    } catch (error) {
      optimizer.dispose();
      throw error;
    }
    const order = new ShuffledOrder(source, config.seed, state.position);
    return new SaeTraining(source, config, optimizer, state, order, folder);
  }

  /** Steps taken. */
  get step(): number {
    return this.optimizer.step;
  }

  state(): TrainingState {
    return { ...this.kept, step: this.step, position: this.order.position, seconds: this.seconds() };
  }

  /** One step; its metrics if `measure`. */
  async takeStep(measure: boolean): Promise<TrainingMetrics | undefined> {
    const { config, optimizer, kept } = this;
    await this.source.gather(this.order.next(config.batchSize), this.batch);
    scaleInPlace(this.batch, config.dIn, kept.scaling);
    const dead = deadFeatures(kept.stepsSinceFired, config.deadAfterSteps);
    const learningRate = learningRateAt(this.step, config);

    const sparsityWeight = sparsityWeightAt(this.step, config);
    const context = { config, dead, measure, sparsityWeight, learningRate };
    const result =
      this.fused && optimizer instanceof HostAdam
        ? this.fused.take(optimizer, this.batch, context)
        : this.takeTensorStep(context);
    if (!result.moved) throw this.notFinite(result.losses);
    const loss = total(result.losses);
    if (result.smallestActivation !== undefined && "thresholdLearningRate" in config) {
      const rate = config.thresholdLearningRate;
      kept.activationThreshold += rate * (result.smallestActivation - kept.activationThreshold);
    }

    for (let feature = 0; feature < config.dSae; feature++) {
      if (result.activationSums[feature] > 0) kept.stepsSinceFired[feature] = 0;
      else kept.stepsSinceFired[feature]++;
    }
    if (!result.measured) return undefined;
    const { l0, fvu } = result.measured;
    const tokens = this.step * config.batchSize;
    const now = performance.now();
    const tokensPerSecond = (1000 * (tokens - this.lastMeasured.tokens)) / (now - this.lastMeasured.at);
    this.lastMeasured = { at: now, tokens };
    return {
      step: this.step,
      tokens,
      loss,
      losses: result.losses,
      l0,
      fvu,
      explainedVariance: 1 - fvu,
      deadFeatures: dead.length,
      learningRate,
      ...(result.gradientNorm !== undefined && { gradientNorm: result.gradientNorm }),
      tokensPerSecond,
      seconds: this.seconds(),
    };
  }

  /** The step in its parts, over TensorFlow's tensors. */
  private takeTensorStep(context: StepContext & { learningRate: number }): FusedResult {
    const { config, form, optimizer } = this;
    const x = tf.tensor2d(this.batch, [config.batchSize, config.dIn]);
    const parameters = optimizer.read();
    const { gradients: raw, ...result } = form.step(parameters, x, context);
    const adjusted = form.adjust(raw, parameters, config);
    x.dispose();
    disposeAll(parameters);
    const moved = Number.isFinite(total(result.losses));
    const gradients = { ...raw, ...adjusted };
    const gradientNorm = config.gradientClip > 0 ? globalNorm(gradients) : undefined;
    const clipped = gradientNorm === undefined ? {} : shortened(gradients, gradientNorm, config.gradientClip);
    if (moved) optimizer.apply({ ...gradients, ...clipped }, context.learningRate);
    for (const tensors of [raw, adjusted, clipped]) disposeAll(tensors);
    if (moved) replace(optimizer, form, config);
    return { ...result, gradientNorm, moved };
  }

  /** The finished SAE. */
  finish(metadata: SaeMetadata): Sae {
    const parameters = this.optimizer.read();
    const weights = this.form.weights(parameters, this.kept.scaling, this.config, this.kept);
    disposeAll(parameters);
    return new Sae(saeConfigOf(this.config), weights, metadata);
  }

  dispose(): void {
    this.optimizer.dispose();
  }

  private seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  private notFinite(losses: Record<string, number>): Error {
    const terms = Object.entries(losses).map(([name, value]) => `${name} ${value}`);
    const last = this.folder?.hasCheckpoint() ? `; the last good checkpoint is in ${this.folder.path}` : "";
    return new Error(
      `trainSae: expected finite losses, got ${terms.join(", ")} at step ${this.step + 1} (do: look for rows that are not finite or all zero, or lower learningRate${last})`,
    );
  }
}

/** Whether a run's parameters live where the kernels can reach them: on a graphics card TensorFlow's tensors are the faster. */
function fuses(config: SaeTrainingConfig): boolean {
  return trainingOf(config).fused !== undefined && tensorflowBuild().device === "cpu";
}

function total(losses: Record<string, number>): number {
  return Object.values(losses).reduce((sum, term) => sum + term, 0);
}

function replace(optimizer: ParameterStore, form: TrainingForm, config: SaeTrainingConfig): void {
  const parameters: NamedTensors = optimizer.read();
  const constrained = form.constrain(parameters, config);
  disposeAll(parameters);
  for (const [name, value] of Object.entries(constrained)) optimizer.assign(name, value as Tensor);
  disposeAll(constrained);
}

/** Numbers of the features whose count has reached `after`, rising. */
export function deadFeatures(stepsSinceFired: Int32Array, after: number): Int32Array {
  let count = 0;
  const dead = new Int32Array(stepsSinceFired.length);
  for (let feature = 0; feature < dead.length; feature++) {
    if (stepsSinceFired[feature] >= after) dead[count++] = feature;
  }
  return dead.slice(0, count);
}
