/** Training options that every architecture shares, and how options become a whole config. */

/** How the learning rate goes on after its warm-up. */
export type Schedule = "constant" | "linear" | "cosine";

/** What the decoder's bias starts from. */
export type BDecInit = "geometric-median" | "mean" | "zero";

/** Input scaling in SAELens's terms; the factor is folded into the weights of the finished SAE. */
export type NormalizeActivations = "none" | "expected_average_only_in";

/**
 * Every option with its default filled in. "The post" is Fry (2024), the default of architecture "standard"; the other
 * architectures' defaults are today's practice, see `modernDefaults`.
 */
export interface CommonTrainingConfig {
  /** Width D of the activations. */
  dIn: number;
  /** Number F of features. Default: expansionFactor · dIn. */
  dSae: number;
  /** Optimiser steps. Default 2,560 (the post: 2,621,440 tokens in batches of 1,024). */
  steps: number;
  /** Rows a step, B. Default 1,024 (the post). */
  batchSize: number;
  /** Adam's learning rate after the warm-up. Default 4e-4 (the post); others 2e-4 / √(F / 2¹⁴) (Gao et al., 2024). */
  learningRate: number;
  /** Steps over which the rate rises linearly from 0. Default 500 (the post); others 5% of the steps. */
  warmUpSteps: number;
  /** Default "constant" (the post); others "linear". Both falls reach 0 over the last `decayFraction` of the steps. */
  schedule: Schedule;
  /** Share of the steps over which "linear" and "cosine" fall. Default 0.2. */
  decayFraction: number;
  /** Largest global norm of the gradients, longer ones are shortened to it; 0 for none. Default 0; others 1 (SAELens). */
  gradientClip: number;
  /** Adam's decay of the first moment. Default 0.9. */
  beta1: number;
  /** Adam's decay of the second moment. Default 0.999. */
  beta2: number;
  /**
   * The reconstruction term: "norm-scaled" mean_{B,D} (x̂-x)² / ‖x‖₂ (the post, default of "standard") or "squared-error"
   * mean_B Σ_D (x̂-x)² (SAELens, default of the others).
   */
  reconstructionLoss: "norm-scaled" | "squared-error";
  /**
   * "unit": every decoder row has norm 1 after each step, the gradient's component along it removed (default). "free": no
   * constraint; penalties are then weighted by the rows' norms (SAELens 6).
   */
  decoderNorm: "unit" | "free";
  /** Norm of the decoder's rows at the start where decoderNorm is "free". Default 0.1 (Conerly et al., 2024). */
  decoderInitNorm: number;
  /** Start of WEnc: Kaiming uniform (the post), or a copy of WDecᵀ (default of the others). */
  encoderInit: "kaiming" | "decoder-transpose";
  /** Start of bDec, from `initRows` rows. Default "geometric-median" (the post; its last run: mean). */
  bDecInit: BDecInit;
  /** Weiszfeld's iteration ends when a step moves by less than this share of the mean distance. Default 1e-6. */
  medianTolerance: number;
  /** Rows that bDec and the input scale are estimated from, drawn with the seed. Default 16,384. */
  initRows: number;
  /** Whether bDec is taken from the input before encoding. Default true. */
  applyBDecToInput: boolean;
  /**
   * "expected_average_only_in" multiplies the inputs by √D / (mean ‖x‖₂) while training (SAELens; default of the
   * others). Default "none" (the post).
   */
  normalizeActivations: NormalizeActivations;
  /** Takes the mean of `initRows` rows from the inputs while training; folded into bDec. Default false; others true. */
  centreInputs: boolean;
  /**
   * A feature that has not fired for this many steps is dead. Default 64 (the post); others 10 million rows (Gao et al.,
   * 2024), at most a tenth of the steps.
   */
  deadAfterSteps: number;
  /** Everything random follows from it. Default 42 (the post). */
  seed: number;
}

/** What a person writes: the architecture, and any of the config's fields. */
export type OptionsOf<Config extends { architecture: string }> = {
  architecture: Config["architecture"];
  /** Features per input dimension, where `dSae` is not given. Default 16 (the post: 64 and 16). */
  expansionFactor?: number;
} & Partial<Omit<Config, "architecture" | "dIn">>;

/** What defaults may depend on. */
export type TrainingSize = Pick<CommonTrainingConfig, "dIn" | "dSae" | "steps" | "batchSize">;

/** The post's options, default of architecture "standard". */
export function postDefaults(size: TrainingSize): CommonTrainingConfig {
  return {
    ...size,
    learningRate: 4e-4,
    warmUpSteps: 500,
    schedule: "constant",
    decayFraction: 0.2,
    gradientClip: 0,
    beta1: 0.9,
    beta2: 0.999,
    reconstructionLoss: "norm-scaled",
    decoderNorm: "unit",
    decoderInitNorm: 0.1,
    encoderInit: "kaiming",
    bDecInit: "geometric-median",
    medianTolerance: 1e-6,
    initRows: 16384,
    applyBDecToInput: true,
    normalizeActivations: "none",
    centreInputs: false,
    deadAfterSteps: 64,
    seed: 42,
  };
}

/** Practice since 2024: default of the other architectures. */
export function modernDefaults(size: TrainingSize): CommonTrainingConfig {
  return {
    ...postDefaults(size),
    learningRate: 2e-4 / Math.sqrt(size.dSae / 2 ** 14),
    warmUpSteps: Math.round(0.05 * size.steps),
    schedule: "linear",
    gradientClip: 1,
    reconstructionLoss: "squared-error",
    encoderInit: "decoder-transpose",
    normalizeActivations: "expected_average_only_in",
    centreInputs: true,
    deadAfterSteps: Math.max(1, Math.round(Math.min(1e7 / size.batchSize, 0.1 * size.steps))),
  };
}

/** Throws unless the shared fields of `config` can be meant. */
export function checkCommon(config: CommonTrainingConfig): void {
  for (const name of ["dIn", "dSae", "batchSize", "initRows", "deadAfterSteps"] as const) {
    checkWhole(config, name, 1);
  }
  for (const name of ["steps", "warmUpSteps"] as const) checkWhole(config, name, 0);
  for (const name of ["learningRate", "decoderInitNorm", "medianTolerance"] as const) {
    check(config[name] > 0, name, "a number > 0", config[name]);
  }
  checkNotNegative(config, "gradientClip");
  for (const name of ["beta1", "beta2"] as const) {
    check(config[name] >= 0 && config[name] < 1, name, "in [0, 1)", config[name]);
  }
  const { decayFraction } = config;
  check(decayFraction > 0 && decayFraction <= 1, "decayFraction", "in (0, 1]", decayFraction);
  for (const name of ["applyBDecToInput", "centreInputs"] as const) checkOneOf(config, name, [true, false]);
  checkOneOf(config, "schedule", ["constant", "linear", "cosine"]);
  checkOneOf(config, "bDecInit", ["geometric-median", "mean", "zero"]);
  checkOneOf(config, "encoderInit", ["kaiming", "decoder-transpose"]);
  checkOneOf(config, "decoderNorm", ["unit", "free"]);
  checkOneOf(config, "reconstructionLoss", ["norm-scaled", "squared-error"]);
  checkOneOf(config, "normalizeActivations", ["none", "expected_average_only_in"]);
}

/** Throws unless the field is a whole number of at least `least`. */
export function checkWhole<C, K extends keyof C & string>(config: C, name: K, least: number): void {
  const value = config[name] as number;
  check(Number.isInteger(value) && value >= least, name, `a whole number >= ${least}`, value);
}

/** Throws unless the field is a number of at least 0. */
export function checkNotNegative<C, K extends keyof C & string>(config: C, name: K): void {
  const value = config[name] as number;
  check(Number.isFinite(value) && value >= 0, name, "a number >= 0", value);
}

/** Throws unless the field is one of `allowed`. */
export function checkOneOf<C, K extends keyof C & string>(
  config: C,
  name: K,
  allowed: readonly C[K][],
): void {
  const names = allowed.map((one) => JSON.stringify(one)).join(" or ");
  check(allowed.includes(config[name]), name, names, config[name]);
}

/** Throws the error of a config's field unless `good`. */
export function check(good: boolean, name: string, expected: string, got: unknown): void {
  if (!good)
    throw new Error(`SAE training config: expected ${name} to be ${expected}, got ${JSON.stringify(got)}`);
}
