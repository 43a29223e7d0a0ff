/** What training shares wherever one linear encoder and one linear decoder are trained: start, passes, folding. */
import { type NamedTensors, type Random, type Tensor, tf, unitRows } from "../tensor";
import { kaimingBound } from "./init";
import { centred, type LinearConfig } from "./linear";
import { matMul } from "./matmul";
import type { CommonTrainingConfig } from "./options";
import type { InputScaling } from "./scaling";

/** Rows that TensorFlow works on at a time: it keeps the memory that it once needed. */
const START_ROWS = 4096;

/**
 * Parameters while training: `encoder` [F, D+1] is (WEncᵀ | bEnc), so that one product gives the bias and its gradient
 * too, and a block of features is a block of rows; `decoder` [F, D] is WDec; `bDec` [D]. The encoder's bias starts at 0.
 */
export function startLinear(config: CommonTrainingConfig, bDec: Float32Array, random: Random): NamedTensors {
  const { dIn: D, dSae: F, decoderNorm, decoderInitNorm, encoderInit } = config;
  const uniform = (name: string, bound: number) => {
    const tensor = random.fork(name).uniformTensor([F, D]);
    const data = tensor.dataSync<"float32">();
    tensor.dispose();
    const [width, least] = [Math.fround(2 * bound), Math.fround(-bound)];
    for (let i = 0; i < data.length; i++) data[i] = Math.fround(data[i] * width) + least;
    return data;
  };
  const decoder = uniform("WDec", kaimingBound(D));
  for (let first = 0; first < decoder.length; first += START_ROWS * D) {
    const rows = decoder.subarray(first, first + START_ROWS * D);
    const unit = tf.tidy(() => unitRows(tf.tensor2d(rows.slice(), [rows.length / D, D])));
    rows.set(unit.dataSync<"float32">());
    unit.dispose();
  }
  const norm = decoderNorm === "free" ? Math.fround(decoderInitNorm) : 1;
  for (let i = 0; norm !== 1 && i < decoder.length; i++) decoder[i] *= norm;
  const WEncT = encoderInit === "kaiming" ? uniform("WEnc", kaimingBound(F)) : decoder;
  const encoder = new Float32Array(F * (D + 1));
  for (let j = 0; j < F; j++) encoder.set(WEncT.subarray(j * D, (j + 1) * D), j * (D + 1));
  return {
    encoder: tf.tensor2d(encoder, [F, D + 1]),
    decoder: tf.tensor2d(decoder, [F, D]),
    bDec: tf.tensor1d(bDec),
  };
}

/** (x - bDec | 1) [B, D+1]. The caller owns the result. */
export function augmented(config: LinearConfig, bDec: Tensor, x: Tensor): Tensor {
  return tf.tidy(() => tf.concat([centred(config, bDec, x), tf.ones([x.shape[0], 1])], 1));
}

/** x - x̂ for f [B, F]. The caller owns the result. */
export function residualOf({ decoder, bDec }: NamedTensors, x: Tensor, f: Tensor): Tensor {
  return tf.tidy(() => x.sub(matMul(f, decoder)).sub(bDec));
}

/**
 * bDec's gradient: `throughXHat` [D], and with the opposite sign what reaches every pre-activation, of which `dPreSums`
 * [F, 1] has the sums over the batch. The caller owns the result.
 */
export function bDecGradient(
  { encoder }: NamedTensors,
  dPreSums: Tensor,
  throughXHat: Tensor,
  { applyBDecToInput, dIn: D }: LinearConfig,
): Tensor {
  if (!applyBDecToInput) return throughXHat.clone();
  return tf.tidy(() => {
    const throughEncoder = matMul(dPreSums, encoder, true).slice([0, 0], [1, D]);
    return throughXHat.sub(throughEncoder.reshape([D]));
  });
}

/** The last column of dEncoder [F, D+1]: bEnc's gradient, which is Σ_B dPre, as [F, 1]. The caller owns the result. */
export function lastColumn(dEncoder: Tensor): Tensor {
  const [F, width] = dEncoder.shape;
  return dEncoder.slice([0, width - 1], [F, 1]);
}

/** L0 and FVU of a batch, as `StepResult.measured` has them. */
export function measure(x: Tensor, residual: Tensor, f: Tensor): { l0: number; fvu: number } {
  const [squares, variance, active] = tf.tidy(() =>
    tf
      .stack([residual.square().sum(), x.sub(x.mean(0)).square().sum(), f.greater(0).sum().toFloat()])
      .dataSync(),
  );
  return { l0: active / x.shape[0], fvu: squares / variance };
}

/**
 * Inference weights for raw inputs. With x' = s (x - c): WEnc = s WEnc', WDec = WDec' / s, bDec = bDec' / s + c (SAELens's
 * folding); where bDec is not taken from the input, bEnc = bEnc' - s c WEnc'. The decoder's rows then have norm 1 / s.
 */
export function foldedLinear(
  { encoder, decoder, bDec }: NamedTensors,
  { scale, centre }: InputScaling,
  { applyBDecToInput }: LinearConfig,
): NamedTensors {
  const [F, width] = encoder.shape;
  const D = width - 1;
  return tf.tidy(() => {
    const c = tf.tensor1d(centre);
    const WEnc = encoder.slice([0, 0], [F, D]).transpose().mul(scale);
    const bEnc = encoder.slice([0, D], [F, 1]).reshape([F]);
    return {
      WEnc,
      bEnc: applyBDecToInput ? bEnc : bEnc.sub(matMul(c.reshape([1, D]), WEnc).reshape([F])),
      WDec: decoder.div(scale),
      bDec: bDec.div(scale).add(c),
    };
  });
}

/**
 * Multiplies the encoder by the decoder's row norms and divides the decoder by them: activations are then in units of
 * the inputs (SAELens's `fold_W_dec_norm`). Disposes `weights`; the caller owns the result.
 */
export function foldDecoderNorms(weights: NamedTensors): NamedTensors {
  const { WEnc, bEnc, WDec, ...rest } = weights;
  const folded = tf.tidy(() => {
    const norms = WDec.norm(2, 1).maximum(1e-8); // [F]
    return { WEnc: WEnc.mul(norms), bEnc: bEnc.mul(norms), WDec: WDec.div(norms.reshape([-1, 1])) };
  });
  tf.dispose([WEnc, bEnc, WDec]);
  return { ...folded, ...rest };
}
