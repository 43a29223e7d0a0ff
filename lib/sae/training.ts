/** The moving parts of one SAE in training: parameters with their moments, what is dead, and one step of all of it. */
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
import { thresholdRate } from "./batchtopk";
import { type Checkpoint, type Snapshot, type TrainingState, takeSnapshot } from "./checkpoint";
import { type SaeTrainingConfig, saeConfigOf } from "./config";
import type { FusedResult, FusedStep } from "./fused-step";
import { globalNorm, shortened } from "./gradient-clip";
import { initialBDec } from "./init";
import type { TrainingMetrics } from "./metrics";
import { Sae, type SaeMetadata } from "./sae";
import { inputScaling, scaleInPlace } from "./scaling";
import { learningRateAt, sparsityWeightAt } from "./schedule";
import type { RowStream, StreamState } from "./stream";

export class SaeTraining {
  private readonly form: TrainingForm;
  private readonly fused: FusedStep | undefined;
  private readonly batch: Float32Array;
  private lastMeasured: { at: number; tokens: number };
  private readonly startedAt: number;

  private constructor(
    readonly config: SaeTrainingConfig,
    private readonly optimizer: ParameterStore,
    private readonly kept: TrainingState,
  ) {
    this.form = trainingOf(config);
    this.fused = optimizer instanceof HostAdam ? this.form.fused?.() : undefined;
    this.batch = new Float32Array(config.batchSize * config.dIn);
    this.startedAt = performance.now() - 1000 * kept.seconds;
    this.lastMeasured = { at: performance.now(), tokens: kept.step * config.batchSize };
  }

  /** Starts from the seed; scale, centre and bDec are estimated from a sample of the stream. */
  static async start(stream: RowStream, config: SaeTrainingConfig): Promise<SaeTraining> {
    const random = new Random(config.seed);
    const rows = await stream.sample(config.initRows, random.fork("init-rows"));
    const scaling = inputScaling(rows, config.dIn, config);
    scaleInPlace(rows, config.dIn, scaling);
    const bDec = initialBDec(config.bDecInit, rows, config.dIn, config.medianTolerance);
    const parameters = trainingOf(config).start(config, bDec, random.fork("weights"));
    const optimizer = newStore(config, parameters);
    disposeAll(parameters);
    const stepsSinceFired = new Int32Array(config.dSae);
    const kept = { step: 0, seconds: 0, scaling, stepsSinceFired, activationThreshold: 0 };
    return new SaeTraining(config, optimizer, kept);
  }

  /** Goes on from a checkpoint, which it takes over. */
  static resume(config: SaeTrainingConfig, { held, state }: Checkpoint): SaeTraining {
    const optimizer = newStore(config, held.values);
    optimizer.restore(state.step, held);
    for (const part of Object.values(held)) disposeAll(part);
    return new SaeTraining(config, optimizer, state);
  }

  /** Steps taken. */
  get step(): number {
    return this.optimizer.step;
  }

  snapshot(stream: StreamState): Snapshot {
    const state = { ...this.kept, step: this.step, seconds: this.seconds() };
    return takeSnapshot(this.optimizer, state, stream);
  }

  /**
   * One step on raw `rows` [B·D], which stay as they are; its metrics if `measure`. Gives the reason instead when a loss
   * is not finite: nothing has changed then.
   */
  takeStep(rows: Float32Array, measure: boolean): { metrics?: TrainingMetrics; failure?: string } {
    const { config, optimizer, kept } = this;
    this.batch.set(rows);
    scaleInPlace(this.batch, config.dIn, kept.scaling);
    const dead = deadFeatures(kept.stepsSinceFired, config.deadAfterSteps);
    const learningRate = learningRateAt(this.step, config);
    const sparsityWeight = sparsityWeightAt(this.step, config);
    const context = { config, dead, measure, sparsityWeight, learningRate };
    const result =
      this.fused && optimizer instanceof HostAdam
        ? this.fused.take(optimizer, this.batch, context)
        : this.takeTensorStep(context);
    const { gradientNorm } = result;
    if (!result.moved) return { failure: notFinite(result.losses, gradientNorm) };

    if (result.smallestActivation !== undefined && "thresholdLearningRate" in config) {
      const rate = thresholdRate(this.step, config);
      kept.activationThreshold += rate * (result.smallestActivation - kept.activationThreshold);
    }
    for (let feature = 0; feature < config.dSae; feature++) {
      if (result.activationSums[feature] > 0) kept.stepsSinceFired[feature] = 0;
      else kept.stepsSinceFired[feature]++;
    }
    if (!result.measured) return {};
    const { l0, fvu } = result.measured;
    const tokens = this.step * config.batchSize;
    const now = performance.now();
    const tokensPerSecond = (1000 * (tokens - this.lastMeasured.tokens)) / (now - this.lastMeasured.at);
    this.lastMeasured = { at: now, tokens };
    const metrics: TrainingMetrics = {
      step: this.step,
      tokens,
      loss: total(result.losses),
      losses: result.losses,
      l0,
      fvu,
      explainedVariance: 1 - fvu,
      deadFeatures: dead.length,
      learningRate,
      ...(gradientNorm !== undefined && { gradientNorm }),
      tokensPerSecond,
      seconds: this.seconds(),
    };
    return { metrics };
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
    const gradients = { ...raw, ...adjusted };
    const gradientNorm = config.gradientClip > 0 ? globalNorm(gradients) : undefined;
    const moved = Number.isFinite(total(result.losses)) && Number.isFinite(gradientNorm ?? 0);
    const clipped = gradientNorm === undefined ? {} : shortened(gradients, gradientNorm, config.gradientClip);
    if (moved) optimizer.apply({ ...gradients, ...clipped }, context.learningRate);
    for (const tensors of [raw, adjusted, clipped]) disposeAll(tensors);
    if (moved) constrain(optimizer, form, config);
    return { ...result, gradientNorm, moved };
  }

  /** The SAE as it is now, in the units of the raw inputs. The caller owns it. */
  sae(metadata: SaeMetadata): Sae {
    const parameters = this.optimizer.read();
    const weights = this.form.weights(parameters, this.kept.scaling, this.config, this.kept);
    disposeAll(parameters);
    return new Sae(saeConfigOf(this.config), weights, metadata);
  }

  dispose(): void {
    this.fused?.dispose();
    this.optimizer.dispose();
  }

  private seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
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

/** Parameters live where the kernels can reach them; on a graphics card TensorFlow's tensors are the faster. */
function newStore(config: SaeTrainingConfig, parameters: NamedTensors): ParameterStore {
  const fuses = trainingOf(config).fused !== undefined && tensorflowBuild().device === "cpu";
  const Store = fuses ? HostAdam : Adam;
  return new Store(parameters, { beta1: config.beta1, beta2: config.beta2 });
}

function total(losses: Record<string, number>): number {
  return Object.values(losses).reduce((sum, term) => sum + term, 0);
}

function constrain(optimizer: ParameterStore, form: TrainingForm, config: SaeTrainingConfig): void {
  const parameters: NamedTensors = optimizer.read();
  const constrained = form.constrain(parameters, config);
  disposeAll(parameters);
  for (const [name, value] of Object.entries(constrained)) optimizer.assign(name, value as Tensor);
  disposeAll(constrained);
}

function notFinite(losses: Record<string, number>, gradientNorm: number | undefined): string {
  const terms = Object.entries(losses).map(([name, value]) => `${name} ${value}`);
  if (gradientNorm !== undefined) terms.push(`gradient norm ${gradientNorm}`);
  return `expected finite losses, got ${terms.join(", ")} (do: look for rows that are not finite or all zero, or lower learningRate)`;
}
