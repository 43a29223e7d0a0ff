/** Training TopK, BatchTopK and Matryoshka-BatchTopK: they differ in what is selected and in how many levels must reconstruct. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import type { StepContext, StepResult, TrainingForm } from "./architectures";
import { auxKTerm } from "./auxk";
import type { BatchTopkFamilyConfig, BatchTopkTrainingConfig, MatryoshkaTrainingConfig } from "./batchtopk";
import { adjustDecoder, constrainDecoder } from "./decoder-norm";
import {
  augmented,
  bDecGradient,
  foldDecoderNorms,
  foldedLinear,
  lastColumn,
  measure,
  startLinear,
} from "./linear-training";
import { addRows, matMul, reluGrad } from "./matmul";
import { reconstructionTerm } from "./reconstruction-loss";
import type { InputScaling } from "./scaling";
import { batchTopK, rowTopK } from "./selection";
import type { TopkFamilyConfig, TopkTrainingConfig } from "./topk";

/** Parameters as in `startLinear`. Losses: mse, aux. */
export const topkTraining: TrainingForm<TopkTrainingConfig> = {
  start: startLinear,
  step: (parameters, x, context) => step(parameters, x, context, rowTopK, [context.config.dSae]),
  adjust: adjustDecoder,
  constrain: constrainDecoder,
  weights: (parameters, scaling, config) => {
    const weights = foldedLinear(parameters, scaling, config);
    return foldsNorms(config) ? foldDecoderNorms(weights) : weights;
  },
};

/** As TopK, over the batch. */
export const batchTopkTraining: TrainingForm<BatchTopkTrainingConfig> = {
  start: startLinear,
  step: (parameters, x, context) => step(parameters, x, context, batchTopK, [context.config.dSae]),
  adjust: adjustDecoder,
  constrain: constrainDecoder,
  weights: jumpreluWeights,
};

/** As BatchTopK, with a reconstruction term for each level: losses inner_WIDTH besides. */
export const matryoshkaTraining: TrainingForm<MatryoshkaTrainingConfig> = {
  start: startLinear,
  step: (parameters, x, context) => step(parameters, x, context, batchTopK, context.config.widths),
  adjust: adjustDecoder,
  constrain: constrainDecoder,
  weights: jumpreluWeights,
};

type TopkFamily = TopkTrainingConfig | BatchTopkTrainingConfig | MatryoshkaTrainingConfig;

/**
 * One forward and backward pass at x [B, D]:
 *   scores = pre (times the decoder's norms), f = relu(pre) where selected by `select(scores, k)`, x̂_l = Σ_{j < widths[l]} f_j WDec_j + bDec
 *   mse = the reconstruction term of the last level, inner_WIDTH those of the others, aux = `auxKTerm`.
 * With the norms, f counts as relu(scores) and is divided by them before decoding, so they act on nothing but the selection.
 */
function step(
  parameters: NamedTensors,
  x: Tensor,
  { config, dead, measure: measuring }: StepContext<TopkFamily>,
  select: (scores: Tensor, k: number) => Tensor,
  widths: readonly number[],
): StepResult {
  const { encoder, decoder, bDec } = parameters;
  const { reconstructionLoss, auxCoefficient, auxK, rescaleActsByDecoderNorm } = config;
  const [F, D] = decoder.shape;
  const losses: Record<string, number> = {};
  let measured: StepResult["measured"];
  let smallestActivation: number | undefined;
  const out = tf.tidy(() => {
    const xAug = augmented(config, bDec, x);
    const pre = matMul(xAug, encoder, false, true); // [B, F]
    const norms = rescaleActsByDecoderNorm && config.decoderNorm === "free" ? decoder.norm(2, 1) : undefined;
    const scores = norms ? pre.mul(norms) : pre;
    const acts = select(scores, config.k);
    const f = norms ? acts.div(norms) : acts;
    if (select === batchTopK) smallestActivation = smallestPositive(acts);

    // Level l sees the features below its width; its error reaches all of them.
    let rest: Tensor = x.sub(bDec);
    const levels = widths.map((width, l) => {
      const first = widths[l - 1] ?? 0;
      const [fLevel, rows] = [columns(f, first, width), decoder.slice([first, 0], [width - first, D])];
      rest = rest.sub(matMul(fLevel, rows)); // x - x̂_l [B, D]
      const term = reconstructionTerm(x, rest, reconstructionLoss);
      losses[width === F ? "mse" : `inner_${width}`] = term.loss.dataSync()[0];
      return { first, width, fLevel, rows, residual: rest, dXHat: term.dXHat };
    });

    // Backwards: features of a level feel its own error and those of all wider levels.
    let dXHat: Tensor | undefined;
    const gradients = [...levels]
      .reverse()
      .map((level) => {
        dXHat = dXHat ? dXHat.add(level.dXHat) : level.dXHat;
        const dPre = reluGrad(matMul(dXHat, level.rows, false, true), level.fLevel);
        return { dEncoder: matMul(dPre, xAug, true), dDecoder: matMul(level.fLevel, dXHat, true) };
      })
      .reverse();
    let dEncoder = joined(gradients.map((one) => one.dEncoder));
    let dDecoder = joined(gradients.map((one) => one.dDecoder));

    losses.aux = 0;
    const auxLevels = auxPerLevel(config) ? levels : [{ first: 0, width: F, residual: rest }];
    for (const { first, width, residual } of auxCoefficient > 0 && dead.length > 0 ? auxLevels : []) {
      const own = dead.filter((feature) => feature >= first && feature < width);
      if (own.length === 0) continue;
      const rows = tf.tensor1d(own, "int32");
      const input = { decoder, xAug, pre, scores, residual, rows, auxK, coefficient: auxCoefficient };
      const term = auxKTerm(input);
      losses.aux += term.loss.dataSync()[0];
      dEncoder = addRows(dEncoder, rows, term.dEncoder);
      dDecoder = addRows(dDecoder, rows, term.dDecoder);
    }
    const dBDec = bDecGradient(parameters, lastColumn(dEncoder), (dXHat as Tensor).sum(0), config);
    if (measuring) measured = measure(x, rest, f);
    return [dEncoder, dDecoder, dBDec, f.sum(0)];
  }) as unknown as Tensor[];
  const [dEncoder, dDecoder, dBDec, sums] = out;
  const activationSums = sums.dataSync() as Float32Array;
  sums.dispose();
  return {
    losses,
    gradients: { encoder: dEncoder, decoder: dDecoder, bDec: dBDec },
    activationSums,
    smallestActivation,
    measured,
  };
}

/**
 * Whether the decoder's norms go into the encoder of the finished SAE. Where they are free and did not count in the
 * selection, that would change what is selected.
 */
function foldsNorms({ rescaleActsByDecoderNorm, decoderNorm }: TopkFamilyConfig): boolean {
  return rescaleActsByDecoderNorm || decoderNorm === "unit";
}

function jumpreluWeights(
  parameters: NamedTensors,
  scaling: InputScaling,
  config: BatchTopkFamilyConfig,
  { activationThreshold }: { activationThreshold: number },
): NamedTensors {
  const linear = foldedLinear(parameters, scaling, config);
  const folds = foldsNorms(config);
  // Folded activations are in units of the inputs, pre-activations do not depend on them.
  const threshold = tf.fill([config.dSae], activationThreshold / (folds ? scaling.scale : 1));
  return { ...(folds ? foldDecoderNorms(linear) : linear), threshold };
}

function auxPerLevel(config: TopkFamilyConfig): boolean {
  return "auxPerLevel" in config && config.auxPerLevel === true;
}

function columns(x: Tensor, first: number, end: number): Tensor {
  return first === 0 && end === x.shape[1] ? x : x.slice([0, first], [x.shape[0], end - first]);
}

function joined(parts: readonly Tensor[]): Tensor {
  return parts.length === 1 ? parts[0] : tf.concat([...parts], 0);
}

/** The smallest positive number of f, or undefined where there is none. */
function smallestPositive(f: Tensor): number | undefined {
  const smallest = tf.tidy(
    () => tf.where(f.greater(0), f, tf.fill(f.shape, Number.POSITIVE_INFINITY)).min().dataSync()[0],
  );
  return Number.isFinite(smallest) ? smallest : undefined;
}
