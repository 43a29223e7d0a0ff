/** What the forward passes of all fused steps have in common: before their encoder's selection, behind their decoder, and the result. */
import { type Active, type Rows, rowNormsInto } from "../tensor";
import type { SaeTrainingConfig } from "./config";
import { centredRows, measureRows, reconstruction } from "./fused-losses";
import type { Forward, HostWeights, Workspace } from "./fused-step";

/** One batch on its way through a fused step. Lengths: `B` rows of `dIn` numbers each. */
export class FusedBatch {
  readonly B: number;
  /** What the encoder sees. */
  readonly seen: Rows;
  readonly active: Active;
  /** ΣB of each feature's activation [F]; the encoder fills it. */
  readonly activationSums: Float32Array;
  /** x − x̂ [B·D], once it is known. */
  readonly residual: Float32Array;
  /** ΣB of the loss's gradient with respect to x̂ [D]. */
  readonly biasGradient: Float64Array;

  constructor(
    private readonly config: SaeTrainingConfig,
    private readonly weights: HostWeights,
    private readonly x: Float32Array,
    private readonly workspace: Workspace,
  ) {
    const { dIn: D, dSae: F, applyBDecToInput } = config;
    this.B = x.length / D;
    const centred = workspace.floats("centred", x.length);
    this.seen = workspace.rows("x").set(centredRows(x, weights.bDec, applyBDecToInput, centred), this.B, D);
    this.active = workspace.active("main");
    this.activationSums = workspace.floats("sums", F);
    this.residual = workspace.floats("residual", x.length);
    this.biasGradient = new Float64Array(D);
  }

  /** Norms of the decoder's rows [F], where the config leaves them free. */
  decoderNorms(): Float32Array | undefined {
    const { dIn: D, dSae: F, decoderNorm } = this.config;
    if (decoderNorm !== "free") return undefined;
    const norms = this.workspace.floats("norms", F);
    rowNormsInto(norms, this.weights.decoder, F, D);
    return norms;
  }

  /** Decodes everything that is active: leaves x − x̂ in `residual` and gives x̂ [B·D], which the caller may overwrite. */
  decode(): Float32Array {
    const { dIn: D, dSae: F } = this.config;
    const xHat = this.workspace.floats("xHat", this.x.length);
    this.active.decode(this.weights.decoder, D, 0, F, xHat);
    this.subtractFromInput(xHat, this.residual);
    return xHat;
  }

  /** `out` = x − bDec − decoded, all [B·D]. */
  subtractFromInput(decoded: Float32Array, out: Float32Array): void {
    const { x } = this;
    const { bDec } = this.weights;
    for (let i = 0; i < x.length; i += bDec.length) {
      for (let d = 0; d < bDec.length; d++) out[i + d] = x[i + d] - bDec[d] - decoded[i + d];
    }
  }

  /** The reconstruction loss; overwrites `xHat` with its gradient and adds that to `biasGradient`. */
  reconstructionLoss(xHat: Float32Array): number {
    return reconstruction(this.config.reconstructionLoss, this.x, this.residual, xHat, this.biasGradient);
  }

  /** What every forward pass with `count` activations hands to the update: `dXHat` [B·D] is what reaches the features before `until`. */
  result(errors: readonly { until: number; dXHat: Float32Array }[], measure: boolean, count: number) {
    const D = this.config.dIn;
    const upstream = errors.map(({ until, dXHat }, level) => ({
      until,
      gradient: this.workspace.rows(`dXHat-${level}`).set(dXHat, this.B, D),
    }));
    return {
      activationSums: this.activationSums,
      measured: measure ? measureRows(this.x, this.residual, count, D) : undefined,
      main: { active: this.active, upstream },
      extras: [],
      x: this.seen,
      biasGradient: Float32Array.from(this.biasGradient),
      sparsity: 0,
    } satisfies Partial<Forward>;
  }
}
