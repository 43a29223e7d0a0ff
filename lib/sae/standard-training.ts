/** Training the post's architecture: loss terms with their gradients written out. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import type { StepContext, StepResult, TrainingForm } from "./architectures";
import { adjustDecoder, constrainDecoder, penaltyNorms, throughNorms } from "./decoder-norm";
import { ghostTerm } from "./ghost";
import { augmented, bDecGradient, foldedLinear, lastColumn, startLinear } from "./linear-training";
import { addRows, matMul, relu, reluGrad } from "./matmul";
import { reconstructionTerm } from "./reconstruction-loss";
import type { StandardTrainingConfig } from "./standard";

/** Features a block: its [B, block] intermediates stay in the cache and in memory that is already mapped. */
const BLOCK = 1024;

/** Parameters as in `startLinear`. Losses: mse, l1, ghost. */
export const standardTraining: TrainingForm<StandardTrainingConfig> = {
  start: startLinear,
  step,
  adjust: adjustDecoder,
  constrain: constrainDecoder,
  weights: foldedLinear,
};

/**
 * One forward and backward pass at x [B, D], r = x - x̂:
 *   mse   = `reconstructionTerm`
 *   l1    = l1Coefficient · mean_B Σ_F f n, n the decoder's norms where they are free, else 1
 *   ghost = see `ghostTerm`; 0 without dead features.
 * The same numbers as the autodiff twin in `standard-naive.ts`, in a third of its passes over memory.
 */
function step(
  parameters: NamedTensors,
  x: Tensor,
  { config, dead, measure, sparsityWeight }: StepContext<StandardTrainingConfig>,
): StepResult {
  const { encoder, decoder, bDec } = parameters;
  const coefficient = config.l1Coefficient * sparsityWeight;
  const [B, D] = x.shape;
  const F = config.dSae;
  const blocks = Array.from({ length: Math.ceil(F / BLOCK) }, (_, i) => i * BLOCK);
  const sizeOf = (first: number) => Math.min(BLOCK, F - first);
  const out = tf.tidy(() => {
    const ones = tf.ones([B, 1]);
    const xAug = augmented(config, bDec, x); // [B, D+1]
    const penalty = penaltyNorms(decoder, config).reshape([F, 1]); // n

    const f: Tensor[] = []; // per block [B, block]
    let rest: Tensor = x.sub(bDec); // x - bDec - Σ f WDec, in the end r [B, D]
    let active = 0;
    for (const first of blocks) {
      const [fBlock, restNow] = tf.tidy(() => {
        const pre = matMul(xAug, encoder.slice([first, 0], [sizeOf(first), D + 1]), false, true);
        const fired = relu(pre);
        pre.dispose();
        const decoded = matMul(fired, decoder.slice([first, 0], [sizeOf(first), D])); // [B, D]
        return [fired, rest.sub(decoded)];
      }) as unknown as [Tensor, Tensor];
      rest.dispose();
      rest = restNow;
      f.push(fBlock);
      if (measure) active += tf.tidy(() => fBlock.greater(0).sum().dataSync()[0]);
    }

    const { loss: mse, dXHat } = reconstructionTerm(x, rest, config.reconstructionLoss);
    const dXHatAug = tf.concat([dXHat, ones], 1); // [B, D+1]
    const l1Column = penalty.mul(coefficient / B); // [F, 1]

    const dEncoders: Tensor[] = [];
    const dDecoders: Tensor[] = [];
    blocks.forEach((first, i) => {
      const [dEncoder, dDecoder] = tf.tidy(() => {
        const size = sizeOf(first);
        const rows = tf.concat(
          [decoder.slice([first, 0], [size, D]), l1Column.slice([first, 0], [size, 1])],
          1,
        );
        const df = matMul(dXHatAug, rows, false, true); // dXHat WDecᵀ + l1 n / B, [B, block]
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
    const l1 = sums.mul(l1Column).sum();
    if (config.decoderNorm === "free") {
      dDecoder = dDecoder.add(throughNorms(sums.reshape([F]).mul(coefficient / B), decoder));
    }

    let ghost: Tensor = tf.scalar(0);
    if (config.ghostGradients && dead.length > 0) {
      const rows = tf.tensor1d(dead, "int32");
      // The elements of which the reconstruction term is the mean over B and D.
      const elements =
        config.reconstructionLoss === "norm-scaled"
          ? rest.square().div(x.norm(2, 1, true))
          : rest.square().mul(D);
      const term = ghostTerm({
        encoder,
        decoder,
        xAug,
        residual: rest,
        mse: elements,
        rows,
        blockSize: BLOCK,
      });
      ghost = term.loss;
      dEncoder = addRows(dEncoder, rows, term.dEncoder);
      dDecoder = addRows(dDecoder, rows, term.dDecoder);
    }
    const dBDec = bDecGradient(parameters, lastColumn(dEncoder), dXHat.sum(0), config);
    const measured = measure
      ? tf.stack([rest.square().sum(), x.sub(x.mean(0)).square().sum(), tf.scalar(active / B)])
      : tf.zeros([0]);
    const scalars = tf.concat([tf.stack([mse, l1, ghost]), measured]);
    return [dEncoder, dDecoder, dBDec, sums, scalars];
  }) as unknown as Tensor[];

  const [dEncoder, dDecoder, dBDec, sums, scalars] = out;
  const activationSums = sums.dataSync() as Float32Array;
  const [mse, l1, ghost, squares, variance, l0] = scalars.dataSync();
  sums.dispose();
  scalars.dispose();
  return {
    losses: { mse, l1, ghost },
    gradients: { encoder: dEncoder, decoder: dDecoder, bDec: dBDec },
    activationSums,
    measured: measure ? { l0, fvu: squares / variance } : undefined,
  };
}
