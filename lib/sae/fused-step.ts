/**
 * A whole training step in one go over parameters in plain memory: activations, losses, gradients, clipping, Adam and the
 * decoder's constraint, by the kernels of lib/tensor/native. README.md tells how; the oracle is `step`, `adjust`,
 * `Adam.apply` and `constrain` one after another.
 */
import {
  Active,
  type AdamStep,
  adamInPlace,
  type HostAdam,
  type NamedTensors,
  Rows,
  type Twofold,
  tf,
  Update,
  type UpdatePart,
} from "../tensor";
import type { StepContext, StepResult } from "./architectures";
import type { SaeTrainingConfig } from "./config";
import { clipFactor } from "./gradient-clip";

/** What a fused step is told besides its batch. */
export interface FusedContext<Config extends SaeTrainingConfig = SaeTrainingConfig>
  extends StepContext<Config> {
  learningRate: number;
}

/** What it gives back: the losses before the step. */
export interface FusedResult extends Omit<StepResult, "gradients"> {
  /** False where a loss was not finite: then nothing has moved. */
  moved: boolean;
  /** Norm of all gradients before clipping, where the config clips. */
  gradientNorm?: number;
}

/** The weights in training's layout: encoder [F, D+1], decoder [F, D], bDec [D], and what else features have, by name [F]. */
export interface HostWeights {
  encoder: Float32Array;
  decoder: Float32Array;
  bDec: Float32Array;
  own: Readonly<Record<string, Float32Array>>;
}

/** What an architecture's forward pass leaves for the update. */
export interface Forward extends Omit<StepResult, "gradients"> {
  main: UpdatePart;
  extras: UpdatePart[];
  /** What the encoder saw. */
  x: Rows;
  /** Σ_B of the loss's gradient with respect to x̂ [D]. */
  biasGradient: Float32Array;
  /** dLoss/df beside what comes through x̂, times `sparsityGain` where that is given. */
  sparsity: number;
  sparsityGain?: Float32Array;
  /** Where features have parameters of their own; `first` and `second` are their gradients. */
  twofold?: Twofold;
}

/** An architecture's forward pass at `x` [B·D]. */
export type ForwardPass<Config extends SaeTrainingConfig> = (
  weights: HostWeights,
  x: Float32Array,
  context: StepContext<Config>,
  workspace: Workspace,
) => Forward;

/** Memory that lasts from step to step, by name: what is fresh costs a second a gigabyte. */
export class Workspace {
  private readonly floatsByName = new Map<string, Float32Array>();
  private readonly rowsByName = new Map<string, Rows>();
  private readonly activesByName = new Map<string, Active>();

  /** `count` numbers, as they were left. */
  floats(name: string, count: number): Float32Array {
    let floats = this.floatsByName.get(name);
    if (floats?.length !== count) {
      floats = new Float32Array(count);
      this.floatsByName.set(name, floats);
    }
    return floats;
  }

  dispose(): void {
    for (const rows of this.rowsByName.values()) rows.dispose();
    for (const active of this.activesByName.values()) active.dispose();
    this.floatsByName.clear();
  }

  rows(name: string): Rows {
    return lookUp(this.rowsByName, name, () => new Rows());
  }

  active(name: string): Active {
    return lookUp(this.activesByName, name, () => new Active());
  }
}

/** The step of one run. */
export interface FusedStep<Config extends SaeTrainingConfig = SaeTrainingConfig> {
  /** Moves the parameters in `store` by one step on `x` [B·D], unless a loss is not finite. */
  take(store: HostAdam, x: Float32Array, context: FusedContext<Config>): FusedResult;
  /** Losses and gradients without moving anything; the constraint has acted on the gradients. The caller owns them. */
  gradients(store: HostAdam, x: Float32Array, context: StepContext<Config>): StepResult;
  /** Frees the work memory; a later step would make it anew. */
  dispose(): void;
}

/** The step of architectures with one linear encoder and one linear decoder: they differ in the forward pass. */
export class FusedLinearStep<Config extends SaeTrainingConfig> implements FusedStep<Config> {
  private readonly workspace = new Workspace();
  private readonly update = new Update();

  /** `own`: the names of what features have beside encoder and decoder, as `twofold` orders their gradients, and their least values. */
  constructor(
    private readonly forward: ForwardPass<Config>,
    private readonly own: Readonly<Record<string, number>> = {},
  ) {}

  take(store: HostAdam, x: Float32Array, context: FusedContext<Config>): FusedResult {
    const { config, learningRate } = context;
    const slots = {
      encoder: store.slot("encoder"),
      decoder: store.slot("decoder"),
      bDec: store.slot("bDec"),
    };
    const forward = this.forward(this.weightsOf(store), x, context, this.workspace);
    const { losses, activationSums, smallestActivation, measured } = forward;
    const result = { losses, activationSums, smallestActivation, measured };
    const loss = Object.values(losses).reduce((sum, term) => sum + term, 0);
    if (!Number.isFinite(loss)) return { ...result, moved: false };
    const adam = store.nextStep(learningRate);
    const gradientNorm = this.update.step({
      ...inputOf(forward, config),
      slots,
      adam,
      unitRows: config.decoderNorm === "unit",
      clip: config.gradientClip,
    });
    const shortening = gradientNorm === undefined ? 1 : clipFactor(gradientNorm, config.gradientClip);
    this.stepOwn(store, forward, adam, shortening);
    return { ...result, moved: true, gradientNorm };
  }

  gradients(store: HostAdam, x: Float32Array, context: StepContext<Config>): StepResult {
    const { config } = context;
    const weights = this.weightsOf(store);
    const forward = this.forward(weights, x, context, this.workspace);
    const { losses, activationSums, smallestActivation, measured } = forward;
    const out = {
      encoder: new Float32Array(weights.encoder.length),
      decoder: new Float32Array(weights.decoder.length),
      bDec: new Float32Array(weights.bDec.length),
    };
    this.update.gradients(inputOf(forward, config), weights, out);
    const { dIn, dSae } = config;
    const gradients: NamedTensors = {
      encoder: tf.tensor2d(out.encoder, [dSae, dIn + 1]),
      decoder: tf.tensor2d(out.decoder, [dSae, dIn]),
      bDec: tf.tensor1d(out.bDec),
      ...Object.fromEntries(this.ownGradients(forward).map(([name, data]) => [name, tf.tensor1d(data)])),
    };
    return { losses, activationSums, smallestActivation, measured, gradients };
  }

  dispose(): void {
    this.workspace.dispose();
    this.update.dispose();
  }

  private weightsOf(store: HostAdam): HostWeights {
    const [encoder, decoder, bDec] = ["encoder", "decoder", "bDec"].map((name) => store.slot(name).value);
    const own = Object.fromEntries(Object.keys(this.own).map((name) => [name, store.slot(name).value]));
    return { encoder, decoder, bDec, own };
  }

  private ownGradients({ twofold }: Forward): [string, Float32Array][] {
    if (!twofold) return [];
    const gradients = twofold.rule === "gated" ? [twofold.first, twofold.second] : [twofold.first];
    return Object.keys(this.own).map((name, i) => [name, gradients[i]]);
  }

  private stepOwn(store: HostAdam, forward: Forward, adam: AdamStep, shortening: number): void {
    for (const [name, gradient] of this.ownGradients(forward)) {
      if (shortening < 1) for (let j = 0; j < gradient.length; j++) gradient[j] *= shortening;
      const slot = store.slot(name);
      adamInPlace(slot, gradient, adam);
      for (let j = 0; j < gradient.length; j++) slot.value[j] = Math.max(slot.value[j], this.own[name]);
    }
  }
}

function inputOf(forward: Forward, { applyBDecToInput, decoderNorm }: SaeTrainingConfig) {
  const { x, main, extras, biasGradient, sparsity, sparsityGain, activationSums, twofold } = forward;
  return {
    ...{ x, main, extras, biasGradient, sparsity, sparsityGain, sums: activationSums, twofold },
    centred: applyBDecToInput,
    removeParallel: decoderNorm === "unit",
  };
}

function lookUp<T>(map: Map<string, T>, name: string, make: () => T): T {
  const found = map.get(name) ?? make();
  map.set(name, found);
  return found;
}
