/** What an SAE is and how it is trained: tagged options, their defaults, and their checks. */
import { createHash } from "node:crypto";

/** The post's architecture: f = relu((x - bDec) WEnc + bEnc), x̂ = f WDec + bDec. */
export interface StandardConfig {
  architecture: "standard";
  /** Width D of the activations. */
  dIn: number;
  /** Number F of features. */
  dSae: number;
  /** Whether bDec is taken from the input before encoding. Default true (Fry, 2024; SAELens). */
  applyBDecToInput: boolean;
}

/** Every inference form there is; a new one is one file and one line in `architectures.ts`. */
export type SaeConfig = StandardConfig;

export type Architecture = SaeConfig["architecture"];

/** How the learning rate goes on after its warm-up. */
export type Schedule = "constant" | "linear" | "cosine";

/** What the decoder's bias starts from. */
export type BDecInit = "geometric-median" | "mean" | "zero";

/** Input scaling in SAELens's terms; the factor is folded into the weights of the finished SAE. */
export type NormalizeActivations = "none" | "expected_average_only_in";

/** Options every architecture shares. */
export interface CommonTrainingOptions {
  /** Features per input dimension; dSae = expansionFactor · dIn. Default 16 (Fry, 2024: 64 and 16). */
  expansionFactor?: number;
  /** Number of features; takes the place of `expansionFactor`. */
  dSae?: number;
  /** Optimiser steps. Default 2,560 (Fry: 2,621,440 tokens in batches of 1,024). */
  steps?: number;
  /** Rows a step, B. Default 1,024 (Fry). */
  batchSize?: number;
  /** Adam's learning rate after the warm-up. Default 4e-4 (Fry). */
  learningRate?: number;
  /** Steps over which the rate rises linearly from 0. Default 500 (Fry). */
  warmUpSteps?: number;
  /** Default "constant" (Fry). "linear" and "cosine" fall to 0 over the last `decayFraction` of the steps. */
  schedule?: Schedule;
  /** Share of the steps over which "linear" and "cosine" fall. Default 0.2. */
  decayFraction?: number;
  /** Start of bDec, from `initRows` rows. Default "geometric-median" (Fry; his last run: mean). */
  bDecInit?: BDecInit;
  /** Rows that bDec and the input scale are estimated from, drawn with the seed. Default 16,384. */
  initRows?: number;
  /**
   * "expected_average_only_in" multiplies the inputs by √D / (mean ‖x‖₂) while training (SAELens). Default "none" (Fry).
   */
  normalizeActivations?: NormalizeActivations;
  /** Takes the mean of `initRows` rows from the inputs while training; folded into bDec. Default false. */
  centreInputs?: boolean;
  /** A feature that has not fired for this many steps is dead. Default 64 (Fry). */
  deadAfterSteps?: number;
  /** Everything random follows from it. Default 42 (Fry). */
  seed?: number;
}

/** Training options of the post's architecture. */
export interface StandardTrainingOptions extends CommonTrainingOptions {
  architecture: "standard";
  /**
   * Weight of mean_B Σ_F |f|. Default 8e-5 · 1024 / D: the post's 8e-5 at D = 1024. Both loss terms grow linearly
   * with the scale of the inputs, so it does not depend on it, but the MSE term has a factor 1/D that L1 has not.
   */
  l1Coefficient?: number;
  /** Ghost gradients on dead features. Default true (Fry). */
  ghostGradients?: boolean;
}

/** Every training form there is. */
export type SaeTrainingOptions = StandardTrainingOptions;

/** The options with every default filled in: what a run's config.json holds. */
export type SaeTrainingConfig = Required<Omit<StandardTrainingOptions, "expansionFactor">> & { dIn: number };

/**
 * Fills in the defaults for activations of width `dIn`. Throws on a value that cannot be meant.
 */
export function resolveTrainingConfig(options: SaeTrainingOptions, dIn: number): SaeTrainingConfig {
  const { expansionFactor = 16 } = options;
  const config: SaeTrainingConfig = {
    architecture: options.architecture,
    dIn,
    dSae: options.dSae ?? Math.round(expansionFactor * dIn),
    steps: options.steps ?? 2560,
    batchSize: options.batchSize ?? 1024,
    learningRate: options.learningRate ?? 4e-4,
    warmUpSteps: options.warmUpSteps ?? 500,
    schedule: options.schedule ?? "constant",
    decayFraction: options.decayFraction ?? 0.2,
    bDecInit: options.bDecInit ?? "geometric-median",
    initRows: options.initRows ?? 16384,
    normalizeActivations: options.normalizeActivations ?? "none",
    centreInputs: options.centreInputs ?? false,
    deadAfterSteps: options.deadAfterSteps ?? 64,
    seed: options.seed ?? 42,
    l1Coefficient: options.l1Coefficient ?? (8e-5 * 1024) / dIn,
    ghostGradients: options.ghostGradients ?? true,
  };
  check(config.architecture === "standard", "architecture", '"standard"', config.architecture);
  for (const name of ["dIn", "dSae", "batchSize", "initRows", "deadAfterSteps"] as const) {
    check(Number.isInteger(config[name]) && config[name] > 0, name, "a whole number > 0", config[name]);
  }
  for (const name of ["steps", "warmUpSteps"] as const) {
    check(Number.isInteger(config[name]) && config[name] >= 0, name, "a whole number >= 0", config[name]);
  }
  check(config.learningRate > 0, "learningRate", "a number > 0", config.learningRate);
  check(config.l1Coefficient >= 0, "l1Coefficient", "a number >= 0", config.l1Coefficient);
  check(
    config.decayFraction > 0 && config.decayFraction <= 1,
    "decayFraction",
    "(0, 1]",
    config.decayFraction,
  );
  oneOf("schedule", config.schedule, ["constant", "linear", "cosine"]);
  oneOf("bDecInit", config.bDecInit, ["geometric-median", "mean", "zero"]);
  oneOf("normalizeActivations", config.normalizeActivations, ["none", "expected_average_only_in"]);
  return config;
}

/** A short hexadecimal name of a run: the same config on the same data gives the same name. */
export function trainingConfigHash(config: SaeTrainingConfig, dataHash = ""): string {
  const sorted = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([sorted, dataHash]))
    .digest("hex")
    .slice(0, 16);
}

/** The inference form of what a training config trains. */
export function saeConfigOf({ architecture, dIn, dSae }: SaeTrainingConfig): SaeConfig {
  return { architecture, dIn, dSae, applyBDecToInput: true };
}

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  check(allowed.includes(value), name, allowed.map((one) => `"${one}"`).join(" or "), value);
}

function check(good: boolean, name: string, expected: string, got: unknown): void {
  if (!good)
    throw new Error(`SAE training config: expected ${name} to be ${expected}, got ${JSON.stringify(got)}`);
}
