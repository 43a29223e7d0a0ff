/** The tables of architectures: what each must provide, and one line for each. */
import type { NamedTensors, Random, Tensor } from "../tensor";
import type {
  Architecture,
  SaeConfig,
  SaeTrainingConfig,
  TrainingArchitecture,
  TrainingConfigOf,
} from "./config";
import { fusedGated } from "./fused-gated";
import { fusedJumprelu } from "./fused-jumprelu";
import { fusedStandard } from "./fused-standard";
import type { FusedStep } from "./fused-step";
import { fusedBatchTopk, fusedMatryoshka, fusedTopk } from "./fused-topk";
import { gatedDecode, gatedEncode, gatedShapes } from "./gated";
import { gatedTraining } from "./gated-training";
import { jumpreluDecode, jumpreluEncode, jumpreluShapes } from "./jumprelu";
import { jumpreluTraining } from "./jumprelu-training";
import type { InputScaling } from "./scaling";
import { standardDecode, standardEncode, standardShapes } from "./standard";
import { standardTraining } from "./standard-training";
import { topkDecode, topkEncode, topkShapes } from "./topk";
import { batchTopkTraining, matryoshkaTraining, topkTraining } from "./topk-training";

/** What using a trained SAE takes. Results are the caller's. */
export interface InferenceForm<Config extends SaeConfig = SaeConfig> {
  /** Names and shapes of the weights. */
  shapes(config: Config): Record<string, number[]>;
  /** x [B, D] -> [B, F] */
  encode(config: Config, weights: NamedTensors, x: Tensor): Tensor;
  /** f [B, F] -> [B, D] */
  decode(config: Config, weights: NamedTensors, f: Tensor): Tensor;
}

/** What a step is told besides its batch. */
export interface StepContext<Config extends SaeTrainingConfig = SaeTrainingConfig> {
  config: Config;
  /** What the L1 or L0 coefficient is multiplied by while it warms up, 0 to 1. */
  sparsityWeight: number;
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
  /** The smallest positive activation of the batch, where the finished SAE's threshold depends on it. */
  smallestActivation?: number;
  measured?: {
    /** Mean number of features that fire on a row. */
    l0: number;
    /** Σ‖x - x̂‖² / Σ‖x - x̄‖² over the batch, x̄ the batch's mean. */
    fvu: number;
  };
}

/** What training takes. Parameters go by the names and layout that suit the step; results are the caller's. */
export interface TrainingForm<Config extends SaeTrainingConfig = SaeTrainingConfig> {
  /** Parameters to start from. bDec [D] */
  start(config: Config, bDec: Float32Array, random: Random): NamedTensors;
  /** Losses and their gradients at x [B, D]. */
  step(parameters: NamedTensors, x: Tensor, context: StepContext<Config>): StepResult;
  /** Replacements for those gradients that the constraints change; the old ones stay the caller's. */
  adjust(gradients: NamedTensors, parameters: NamedTensors, config: Config): NamedTensors;
  /** Replacements for those parameters that the constraints change after the optimiser's step. */
  constrain(parameters: NamedTensors, config: Config): NamedTensors;
  /**
   * A step that does all of that at once over parameters in plain memory (`HostAdam`), where an architecture has one. Its
   * memory lasts for a run.
   */
  fused?(): FusedStep<Config>;
  /** Inference weights in the units of the raw inputs. */
  weights(
    parameters: NamedTensors,
    scaling: InputScaling,
    config: Config,
    state: { activationThreshold: number },
  ): NamedTensors;
}

const INFERENCE: { [A in Architecture]: InferenceForm<Extract<SaeConfig, { architecture: A }>> } = {
  standard: { shapes: standardShapes, encode: standardEncode, decode: standardDecode },
  topk: { shapes: topkShapes, encode: topkEncode, decode: topkDecode },
  jumprelu: { shapes: jumpreluShapes, encode: jumpreluEncode, decode: jumpreluDecode },
  gated: { shapes: gatedShapes, encode: gatedEncode, decode: gatedDecode },
};

const TRAINING: {
  [A in TrainingArchitecture]: TrainingForm<TrainingConfigOf<A>>;
} = {
  standard: { ...standardTraining, fused: fusedStandard },
  topk: { ...topkTraining, fused: fusedTopk },
  batchtopk: { ...batchTopkTraining, fused: fusedBatchTopk },
  matryoshka_batchtopk: { ...matryoshkaTraining, fused: fusedMatryoshka },
  jumprelu: { ...jumpreluTraining, fused: fusedJumprelu },
  gated: { ...gatedTraining, fused: fusedGated },
};

/** The inference form of a config. Throws on an architecture that is not here. */
export function inferenceOf({ architecture }: { architecture: string }): InferenceForm {
  return lookUp<InferenceForm>(INFERENCE, architecture);
}

/** The training form of a config. Throws on an architecture that is not here. */
export function trainingOf({ architecture }: { architecture: string }): TrainingForm {
  return lookUp<TrainingForm>(TRAINING, architecture);
}

function lookUp<T>(table: Record<string, T>, architecture: string): T {
  const form = Object.hasOwn(table, architecture) ? table[architecture] : undefined;
  if (!form) {
    throw new Error(`SAE: expected architecture ${Object.keys(table).join(" or ")}, got "${architecture}"`);
  }
  return form;
}
