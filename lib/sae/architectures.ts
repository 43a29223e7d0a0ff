/** The tables of architectures: what each must provide, and one line for each. */
import type { NamedTensors, Random, Tensor } from "../tensor";
import type { Architecture, SaeConfig, SaeTrainingConfig } from "./config";
import type { InputScaling } from "./scaling";
import { standardDecode, standardEncode, standardShapes } from "./standard";
import { standardTraining } from "./standard-training";

/** What using a trained SAE takes. Results are the caller's. */
export interface InferenceForm {
  /** Names and shapes of the weights. */
  shapes(config: SaeConfig): Record<string, number[]>;
  /** x [B, D] -> [B, F] */
  encode(config: SaeConfig, weights: NamedTensors, x: Tensor): Tensor;
  /** f [B, F] -> [B, D] */
  decode(config: SaeConfig, weights: NamedTensors, f: Tensor): Tensor;
}

/** What a step is told besides its batch. */
export interface StepContext {
  config: SaeTrainingConfig;
  /** Numbers of the features that are dead now, rising. */
  dead: Int32Array;
  /** Whether to compute `measured`, which costs some passes more. */
  measure: boolean;
}

/** What a step gives back; `gradients` are the caller's. */
export interface StepResult {
  /** Named loss terms, weighted as they are summed. */
  losses: Record<string, number>;
  gradients: NamedTensors;
  /** Σ_B f of each feature [F]: positive exactly where the feature fired. */
  activationSums: Float32Array;
  measured?: {
    /** Mean number of features that fire on a row. */
    l0: number;
    /** Σ‖x - x̂‖² / Σ‖x - x̄‖² over the batch, x̄ the batch's mean. */
    fvu: number;
  };
}

/** What training takes. Parameters go by the names and layout that suit the step; results are the caller's. */
export interface TrainingForm {
  /** Parameters to start from. bDec [D] */
  start(config: SaeTrainingConfig, bDec: Float32Array, random: Random): NamedTensors;
  /** Losses and their gradients at x [B, D]. */
  step(parameters: NamedTensors, x: Tensor, context: StepContext): StepResult;
  /** Replacements for those gradients that the constraints change; the old ones stay the caller's. */
  adjust(gradients: NamedTensors, parameters: NamedTensors): NamedTensors;
  /** Replacements for those parameters that the constraints change after the optimiser's step. */
  constrain(parameters: NamedTensors): NamedTensors;
  /** Inference weights in the units of the raw inputs. */
  weights(parameters: NamedTensors, scaling: InputScaling): NamedTensors;
}

const INFERENCE: Record<Architecture, InferenceForm> = {
  standard: { shapes: standardShapes, encode: standardEncode, decode: standardDecode },
};

const TRAINING: Record<SaeTrainingConfig["architecture"], TrainingForm> = {
  standard: standardTraining,
};

/** The inference form of a config. Throws on an architecture that is not here. */
export function inferenceOf({ architecture }: { architecture: string }): InferenceForm {
  return lookUp(INFERENCE, architecture);
}

/** The training form of a config. Throws on an architecture that is not here. */
export function trainingOf({ architecture }: { architecture: string }): TrainingForm {
  return lookUp(TRAINING, architecture);
}

function lookUp<T>(table: Record<string, T>, architecture: string): T {
  const form = Object.hasOwn(table, architecture) ? table[architecture] : undefined;
  if (!form) {
    throw new Error(`SAE: expected architecture ${Object.keys(table).join(" or ")}, got "${architecture}"`);
  }
  return form;
}
