/** Training the post's architecture: start, loss terms with their gradients written out, constraints. */
import { type NamedTensors, type Random, type Tensor, tf, unitRows } from "../tensor";
import type { StepContext, StepResult, TrainingForm } from "./architectures";
import type { SaeTrainingConfig } from "./config";
import { withoutParallel } from "./decoder-norm";
import { ghostTerm } from "./ghost";
import { kaimingBound } from "./init";
import { addRows, matMul, relu, reluGrad } from "./matmul";
import type { InputScaling } from "./scaling";

/** Features a block: its [B, block] intermediates stay in the cache and in memory that is already mapped. */
const BLOCK = 1024;

/**
 * Parameters while training: `encoder` [F, D+1] is (WEncᵀ | bEnc), so that one product gives the bias and its gradient
 * too, and a block of features is a block of rows; `decoder` [F, D] is WDec; `bDec` [D].
 */
export const standardTraining: TrainingForm = { start, step, adjust, constrain, weights };

/** WEnc and WDec Kaiming uniform, the rows of WDec brought to norm 1, bEnc 0 (FACTS: "The study"). */
function start({ dIn, dSae }: SaeTrainingConfig, bDec: Float32Array, random: Random): NamedTensors {
  return tf.tidy(() => {
    const encoderBound = kaimingBound(dSae);
    const decoderBound = kaimingBound(dIn);
    const WEncT = random.fork("WEnc").uniformTensor([dSae, dIn], -encoderBound, encoderBound);
    const WDec = random.fork("WDec").uniformTensor([dSae, dIn], -decoderBound, decoderBound);
    return {
      encoder: tf.concat([WEncT, tf.zeros([dSae, 1])], 1),
      decoder: unitRows(WDec),
      bDec: tf.tensor1d(bDec),
    };
  });
}

/**
 * One forward and backward pass at x [B, D], r = x - x̂:
 *   mse   = mean_{B,D} r² / ‖x‖₂ (the row's norm)
 *   l1    = l1Coefficient · mean_B Σ_F f
 *   ghost = see `ghostTerm`; 0 without dead features.
 * The same numbers as the autodiff twin in `standard-naive.ts`, in a third of its passes over memory.
 */
function step(parameters: NamedTensors, x: Tensor, { config, dead, measure }: StepContext): StepResult {
  const { encoder, decoder, bDec } = parameters;
  const [B, D] = x.shape;
  const F = config.dSae;
  const blocks = Array.from({ length: Math.ceil(F / BLOCK) }, (_, i) => i * BLOCK);
  const sizeOf = (first: number) => Math.min(BLOCK, F - first);
  const out = tf.tidy(() => {
    const ones = tf.ones([B, 1]);
    const centred = x.sub(bDec);
    const xAug = tf.concat([centred, ones], 1); // [B, D+1]

    const f: Tensor[] = []; // per block [B, block]
    let rest = centred; // x - bDec - Σ f WDec, in the end r [B, D]
    let active = 0;
    for (const first of blocks) {
      const [fBlock, restNow] = tf.tidy(() => {
        const pre = matMul(xAug, encoder.slice([first, 0], [sizeOf(first), D + 1]), false, true);
        const fired = relu(pre);
        pre.dispose();
        const decoded = matMul(fired, decoder.slice([first, 0], [sizeOf(first), D])); // [B, D]
        return [fired, rest.sub(decoded)];
      }) as unknown as [Tensor, Tensor];
      if (rest !== centred) rest.dispose();
      rest = restNow;
      f.push(fBlock);
      if (measure) active += tf.tidy(() => fBlock.greater(0).sum().dataSync()[0]);
    }

    const norms = x.norm(2, 1, true); // [B, 1]
    const mse = rest.square().div(norms); // elementwise [B, D]
    const dXHat = rest.mul(tf.div(-2 / (B * D), norms)); // [B, D]
    const dXHatAug = tf.concat([dXHat, ones], 1); // [B, D+1]
    const l1Column = config.l1Coefficient / B;

    const dEncoders: Tensor[] = [];
    const dDecoders: Tensor[] = [];
    blocks.forEach((first, i) => {
      const [dEncoder, dDecoder] = tf.tidy(() => {
        const size = sizeOf(first);
        const rows = tf.concat([decoder.slice([first, 0], [size, D]), tf.fill([size, 1], l1Column)], 1);
        const df = matMul(dXHatAug, rows, false, true); // dXHat WDecᵀ + l1 / B, [B, block]
        const dPre = reluGrad(df, f[i]);
        df.dispose();
        // The last column of the first is bEnc's gradient, that of the second is Σ_B f.
        return [matMul(dPre, xAug, true), matMul(f[i], dXHatAug, true)]; // [block, D+1] both
      }) as unknown as [Tensor, Tensor];
      f[i].dispose();
      dEncoders.push(dEncoder);
      dDecoders.push(dDecoder);
    });
    let dEncoder = tf.concat(dEncoders, 0); // [F, D+1]
    const dDecoderAug = tf.concat(dDecoders, 0); // [F, D+1]
    tf.dispose([dEncoders, dDecoders]);
    let dDecoder: Tensor = dDecoderAug.slice([0, 0], [F, D]);
    const sums = dDecoderAug.slice([0, D], [F, 1]);

    let ghost: Tensor = tf.scalar(0);
    if (config.ghostGradients && dead.length > 0) {
      const rows = tf.tensor1d(dead, "int32");
      const term = ghostTerm({ encoder, decoder, xAug, residual: rest, mse, rows, blockSize: BLOCK });
      ghost = term.loss;
      dEncoder = addRows(dEncoder, rows, term.dEncoder);
      dDecoder = addRows(dDecoder, rows, term.dDecoder);
    }
    // bDec acts through x̂ and, with the opposite sign, through every pre-activation.
    const dBEnc = dEncoder.slice([0, D], [F, 1]);
    const throughEncoder = matMul(dBEnc, encoder, true).slice([0, 0], [1, D]);
    const dBDec = dXHat.sum(0).sub(throughEncoder.reshape([D]));

    const measured = measure
      ? tf.stack([rest.square().sum(), x.sub(x.mean(0)).square().sum(), tf.scalar(active / B)])
      : tf.zeros([0]);
    const scalars = tf.concat([tf.stack([mse.mean(), ghost]), measured]);
    return [dEncoder, dDecoder, dBDec, sums, scalars];
  }) as unknown as Tensor[];

  const [dEncoder, dDecoder, dBDec, sums, scalars] = out;
  const activationSums = sums.dataSync() as Float32Array;
  const [mse, ghost, squares, variance, l0] = scalars.dataSync();
  sums.dispose();
  scalars.dispose();
  const l1 = (config.l1Coefficient * activationSums.reduce((total, sum) => total + sum, 0)) / B;
  return {
    losses: { mse, l1, ghost },
    gradients: { encoder: dEncoder, decoder: dDecoder, bDec: dBDec },
    activationSums,
    measured: measure ? { l0, fvu: squares / variance } : undefined,
  };
}

function adjust(gradients: NamedTensors, parameters: NamedTensors): NamedTensors {
  return { decoder: withoutParallel(gradients.decoder, parameters.decoder) };
}

function constrain({ decoder }: NamedTensors): NamedTensors {
  return { decoder: unitRows(decoder) };
}

/**
 * With x' = s (x - c): WEnc = s WEnc', WDec = WDec' / s, bDec = bDec' / s + c, bEnc as it is (SAELens's folding). The
 * decoder's rows then have norm 1 / s.
 */
function weights({ encoder, decoder, bDec }: NamedTensors, { scale, centre }: InputScaling): NamedTensors {
  const [F, width] = encoder.shape;
  const D = width - 1;
  return tf.tidy(() => ({
    WEnc: encoder.slice([0, 0], [F, D]).transpose().mul(scale),
    bEnc: encoder.slice([0, D], [F, 1]).reshape([F]),
    WDec: decoder.div(scale),
    bDec: bDec.div(scale).add(tf.tensor1d(centre)),
  }));
}
