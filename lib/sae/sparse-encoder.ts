/** What fires of a batch as lists, for passes over many rows: the matrix [B, F] is never made. */
import {
  Active,
  type Entries,
  hostFloats,
  Rows,
  releaseFloats,
  type Tensor2D,
  tensorflowBuild,
  tf,
} from "../tensor";
import type { Sae } from "./sae";

/** Features whose lists are made at once: 8 MB for 1,024 rows on which all of them fire. */
const PART = 1024;

/** Activations of features `first`, `first` + 1, …: those of the i-th are [start[i], start[i + 1]). */
export interface FiringFeatures extends Entries {
  first: number;
}

/** An SAE's encoder by the kernels of lib/tensor/native, with its own copy of the weights. The SAE stays the caller's. */
export class SparseEncoder {
  private readonly weights: Float32Array; // [F, D+1], the bias last
  private readonly bDec: Float32Array | undefined;
  /** What a feature's pre-activation is multiplied by [F]. */
  private readonly gain: Float32Array | undefined;
  private readonly rows = new Rows();
  private readonly active = new Active();
  private readonly sums: Float32Array;

  private constructor(private readonly sae: Sae) {
    const { config, weights } = sae;
    const { dIn: D, dSae: F } = config;
    this.weights = hostFloats(F * (D + 1));
    for (let from = 0; from < F; from += PART) {
      const count = Math.min(PART, F - from);
      const part = tf.tidy(() =>
        tf.concat(
          [
            weights.WEnc.slice([0, from], [D, count]).transpose(),
            weights.bEnc.slice([from], [count]).reshape([count, 1]),
          ],
          1,
        ),
      ) as Tensor2D; // [count, D+1]
      this.weights.set(part.dataSync<"float32">(), from * (D + 1));
      part.dispose();
    }
    if ("applyBDecToInput" in config && config.applyBDecToInput)
      this.bDec = weights.bDec.dataSync<"float32">();
    if (config.architecture === "topk" && config.rescaleActsByDecoderNorm) {
      const norms = weights.WDec.norm(2, 1);
      this.gain = norms.dataSync<"float32">();
      norms.dispose();
    }
    this.sums = new Float32Array(F);
  }

  /** Undefined where only `Sae.encode` does it: on a GPU, and for architectures other than standard and TopK. */
  static of(sae: Sae): SparseEncoder | undefined {
    const { architecture } = sae.config;
    const fits = architecture === "standard" || architecture === "topk";
    return fits && tensorflowBuild().device === "cpu" ? new SparseEncoder(sae) : undefined;
  }

  /** Activations of x [B·D], part by part of the features; take each before asking for the next batch. Throws where a pre-activation is not finite. */
  *encode(x: Float32Array, B: number): Generator<FiringFeatures> {
    const { sae, bDec, gain } = this;
    const { config } = sae;
    const { dIn: D, dSae: F } = config;
    const seen = bDec ? x.map((value, at) => value - bDec[at % D]) : x;
    const k = config.architecture === "topk" ? Math.min(config.k, F) : undefined;
    const selection = k === undefined ? { rule: "relu" as const } : { rule: "topK" as const, k, gain };
    const { finite } = this.active.encode(this.rows.set(seen, B, D), this.weights, F, selection, this.sums);
    if (!finite) throw new Error("SparseEncoder.encode: expected finite rows and weights, got others");
    for (let first = 0; first < F; first += PART) {
      const part = this.active.entries(first, Math.min(F, first + PART));
      if (gain) scale(part, gain.subarray(first));
      yield { first, ...part };
    }
  }

  dispose(): void {
    this.rows.dispose();
    this.active.dispose();
    releaseFloats(this.weights);
  }
}

/** Values of the i-th feature times `gain[i]`. */
function scale({ start, values }: Entries, gain: Float32Array): void {
  for (let i = 0; i + 1 < start.length; i++)
    for (let e = start[i]; e < start[i + 1]; e++) values[e] *= gain[i];
}
