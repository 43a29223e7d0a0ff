/** The rules by which the kernels turn pre-activations into activations, and what going backwards through them takes. */
import type { Rows } from "./kernels";

/** Numbers of `native/active.h`. */
export const RULES = { relu: 0, topK: 1, batchTopK: 2, exponential: 3, jumpRelu: 4, gated: 5 } as const;

/** How pre-activations become activations; see `Active.encode`. */
export interface Selection {
  /**
   * "topK": the k largest of each row, of these the positive. "batchTopK": the k largest positive of the batch. "jumpRelu":
   * those above `threshold`. "gated": relu(slope · pre + shift) where pre > 0.
   */
  rule: keyof typeof RULES;
  k?: number;
  /** [F] What pre-activations are multiplied by to rank them. Default 1. */
  gain?: Float32Array;
  /** With "topK": keeps chosen numbers that are not positive. Default false. */
  signedValues?: boolean;
  /** [F] With "jumpRelu". */
  threshold?: Float32Array;
  /** With "jumpRelu": how far below the threshold a step function's estimate still learns. Default 0. */
  below?: number;
  /** [F] With "gated". */
  slope?: Float32Array;
  /** [F] With "gated". */
  shift?: Float32Array;
}

/** What the update must know of a rule whose features have parameters of their own, of which it writes the gradients. */
export type Twofold = JumpReluRule | GatedRule;

/** f = pre · H(pre - threshold); H's derivative is taken as the rectangle of width `bandwidth` about 0. */
export interface JumpReluRule {
  rule: "jumpRelu";
  /** [F] */
  threshold: Float32Array;
  bandwidth: number;
  /** Whether the estimate's gradient goes to pre-activations too, and not to thresholds alone. */
  toInput: boolean;
  /** The penalty tanhWeight / tanhScale · Σ tanh(tanhScale · f · norm); 0 for none. */
  tanhWeight: number;
  tanhScale: number;
  /** [F] The decoder rows' norms, where they weight penalties; else ones. */
  norms?: Float32Array;
  /** [B] The penalty's gradient with respect to H, the same for all features of a row. */
  rowPenalty?: Float32Array;
  /** [F] Weight of relu(threshold - pre) of the dead, 0 of the living; `shortfalls` [F] are its sums (`Active.shortfalls`). */
  revival?: Float32Array;
  shortfalls?: Float32Array;
  /** [F] Receives the thresholds' gradient. */
  first: Float32Array;
}

/** f = relu(slope · u + bMag) where u + bGate > 0; u + bGate is what was encoded. */
export interface GatedRule {
  rule: "gated";
  /** [F] */
  slope: Float32Array;
  /** [F] */
  bMag: Float32Array;
  /** The gradient of the loss with respect to what the gates' pre-activations reconstruct [B, D]. */
  gateUpstream: Rows;
  /** dLoss/dpre of an open gate beside what comes through that, times the norm. */
  gateSparsity: number;
  norms?: Float32Array;
  /** Whether that reconstruction trains the decoder too. */
  gatesMoveDecoder: boolean;
  /** [F] Receives the gradient of log slope. */
  first: Float32Array;
  /** [F] Receives bMag's gradient. */
  second: Float32Array;
}
