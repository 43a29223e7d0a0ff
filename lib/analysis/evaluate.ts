/** Everything about an SAE that one pass over activations can tell. */
import { setImmediate as yieldToEvents } from "node:timers/promises";
import type { ActivationSource, Sae } from "../sae";
import { tf } from "../tensor";
import { type DensityResult, FeatureDensity } from "./density";
import { labelEntropies } from "./label-entropy";
import { Reconstruction, type ReconstructionResult } from "./reconstruction";
import { TopExamples } from "./top-examples";

export interface EvaluateOptions {
  /** Rows at once. Default 1,024. */
  batchSize?: number;
  /** Strongest rows kept for each feature. Default 20 (Fry, 2024). */
  topK?: number;
  /** A label number for each row: adds `labelEntropy`. */
  labels?: ArrayLike<number>;
  /** Told after each batch. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Stops between batches, throwing the signal's reason. */
  signal?: AbortSignal;
}

/** All over the same rows: reconstruction, densities, and for each feature its strongest rows. */
export interface SaeEvaluation extends ReconstructionResult, DensityResult {
  top: TopExamples;
  /** Mean of each feature's top activations [F]; the post plots its log10. NaN for a dead feature. */
  meanTopActivation: Float64Array;
  /** In nats, NaN below ten rows [F]. Only with `labels`. */
  labelEntropy?: Float64Array;
}

/** Measures `sae` on every row of `source`, in order; both stay the caller's. */
export async function evaluateSae(
  sae: Sae,
  source: ActivationSource,
  { batchSize = 1024, topK = 20, labels, onProgress = () => {}, signal }: EvaluateOptions = {},
): Promise<SaeEvaluation> {
  const { dIn, dSae } = sae.config;
  if (source.width !== dIn) throw new Error(`evaluateSae: expected rows of ${dIn}, got ${source.width}`);
  if (labels && labels.length !== source.rows) {
    throw new Error(`evaluateSae: expected ${source.rows} labels, got ${labels.length}`);
  }
  const reconstruction = new Reconstruction(dIn);
  const density = new FeatureDensity(dSae);
  const top = new TopExamples(dSae, topK);
  for (let first = 0; first < source.rows; first += batchSize) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, source.rows - first);
    const x = new Float32Array(count * dIn);
    await source.gather(
      Uint32Array.from({ length: count }, (_, i) => first + i),
      x,
    );
    const [f, xHat] = encodeAndDecode(sae, x, count);
    reconstruction.add(x, xHat);
    density.add(f);
    top.add(f, first);
    onProgress({ done: first + count, total: source.rows });
    await yieldToEvents();
  }
  return {
    ...reconstruction.result(),
    ...density.result(),
    top,
    meanTopActivation: top.meanActivation(),
    labelEntropy: labels && labelEntropies(top, labels),
  };
}

function encodeAndDecode(sae: Sae, rows: Float32Array, count: number): [Float32Array, Float32Array] {
  const x = tf.tensor2d(rows, [count, sae.config.dIn]);
  const f = sae.encode(x);
  const xHat = sae.decode(f);
  const result: [Float32Array, Float32Array] = [f.dataSync<"float32">(), xHat.dataSync<"float32">()];
  tf.dispose([x, f, xHat]);
  return result;
}
