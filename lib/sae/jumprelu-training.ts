/** Training JumpReLU: thresholds and, if wanted, pre-activations learn through a straight-through estimator. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import type { StepContext, StepResult, TrainingForm } from "./architectures";
import { adjustDecoder, constrainDecoder, penaltyNorms, throughNorms } from "./decoder-norm";
import type { JumpreluTrainingConfig } from "./jumprelu";
import {
  augmented,
  bDecGradient,
  foldedLinear,
  lastColumn,
  measure,
  residualOf,
  startLinear,
} from "./linear-training";
import { matMul } from "./matmul";
import { reconstructionTerm } from "./reconstruction-loss";

/** Parameters as in `startLinear`, and `threshold` [F]. Losses: mse, sparsity, preAct. */
export const jumpreluTraining: TrainingForm<JumpreluTrainingConfig> = {
  start: (config, bDec, random) => ({
    ...startLinear(config, bDec, random),
    threshold: tf.fill([config.dSae], config.initThreshold),
  }),
  step,
  adjust: adjustDecoder,
  constrain: (parameters, config) => ({
    ...constrainDecoder(parameters, config),
    // Below zero the gate would let negative pre-activations through.
    threshold: parameters.threshold.maximum(0),
  }),
  weights: (parameters, scaling, config) => ({
    ...foldedLinear(parameters, scaling, config),
    threshold: parameters.threshold.clone(),
  }),
};

/**
 * One forward and backward pass at x [B, D], with H the step function, θ the threshold, n the decoder's norms, c the
 * weighted L0 coefficient: f = pre · H(pre - θ), and
 *   mse      = `reconstructionTerm`
 *   sparsity = c · mean_B Σ tanh(tanhScale f n), or c · mean_B L0, or c · mean_B 2/targetL0 (L0 - targetL0)²
 *   preAct   = preActCoefficient · mean_B Σ_dead relu(θ - pre) n
 * H's derivative at pre is taken as the rectangle K = [|pre - θ| < ε/2] / ε: with g = ∂L/∂f and q = ∂L/∂H from the penalty,
 *   ∂L/∂θ = -Σ_B K (θ g + q), ∂L/∂pre = H g (+ K (θ g + q) with straightThroughToInput).
 */
function step(parameters: NamedTensors, x: Tensor, context: StepContext<JumpreluTrainingConfig>): StepResult {
  const { config, dead, sparsityWeight } = context;
  const { encoder, decoder, bDec, threshold } = parameters;
  const { sparsityPenalty, tanhScale, targetL0, bandwidth, preActCoefficient } = config;
  const [B, F] = [x.shape[0], config.dSae];
  const coefficient = config.l0Coefficient * sparsityWeight;
  const losses: Record<string, number> = {};
  let measured: StepResult["measured"];
  const out = tf.tidy(() => {
    const xAug = augmented(config, bDec, x);
    const pre = matMul(xAug, encoder, false, true); // [B, F]
    const above = pre.sub(threshold);
    const gate = above.greater(0).toFloat();
    const f = pre.mul(gate);
    const residual = residualOf(parameters, x, f);
    const term = reconstructionTerm(x, residual, config.reconstructionLoss);
    losses.mse = term.loss.dataSync()[0];
    const norms = penaltyNorms(decoder, config); // [F]
    let dNorms: Tensor = tf.zeros([F]);

    let df = matMul(term.dXHat, decoder, false, true); // g [B, F]
    let dGate: Tensor = tf.scalar(0); // q, the same for all features of a row
    if (sparsityPenalty === "tanh") {
      const saturated = f.mul(norms.mul(tanhScale)).tanh();
      losses.sparsity = coefficient * (saturated.sum().dataSync()[0] / B);
      const slope = tf.sub(1, saturated.square()).mul((coefficient * tanhScale) / B);
      df = df.add(slope.mul(norms));
      dNorms = dNorms.add(slope.mul(f).sum(0));
    } else {
      const l0 = gate.sum(1, true); // [B, 1]
      const quadratic = sparsityPenalty === "quadratic";
      const penalty = quadratic
        ? l0
            .sub(targetL0)
            .square()
            .mul(2 / targetL0)
        : l0;
      losses.sparsity = coefficient * penalty.mean().dataSync()[0];
      const dL0 = quadratic ? l0.sub(targetL0).mul(4 / targetL0) : tf.onesLike(l0);
      dGate = dL0.mul(coefficient / B);
    }

    const kernel = above
      .abs()
      .less(bandwidth / 2)
      .toFloat()
      .div(bandwidth); // K [B, F]
    const through = kernel.mul(df.mul(threshold).add(dGate));
    let dThreshold: Tensor = through.sum(0).neg();
    let dPre: Tensor = df.mul(gate);
    if (config.straightThroughToInput) dPre = dPre.add(through);

    losses.preAct = 0;
    if (preActCoefficient > 0 && dead.length > 0) {
      const weight = tf.tensor1d(deadWeights(dead, F, preActCoefficient / B)); // [F]
      const shortfall = above.neg().relu();
      const short = above.less(0).toFloat().mul(weight.mul(norms));
      losses.preAct = shortfall.mul(weight.mul(norms)).sum().dataSync()[0];
      dThreshold = dThreshold.add(short.sum(0));
      dPre = dPre.sub(short);
      dNorms = dNorms.add(shortfall.mul(weight).sum(0));
    }

    const dEncoder = matMul(dPre, xAug, true);
    let dDecoder = matMul(f, term.dXHat, true);
    if (config.decoderNorm === "free") dDecoder = dDecoder.add(throughNorms(dNorms, decoder));
    const dBDec = bDecGradient(parameters, lastColumn(dEncoder), term.dXHat.sum(0), config);
    if (context.measure) measured = measure(x, residual, f);
    return [dEncoder, dDecoder, dBDec, dThreshold, f.sum(0)];
  }) as unknown as Tensor[];
  const [dEncoder, dDecoder, dBDec, dThreshold, sums] = out;
  const activationSums = sums.dataSync() as Float32Array;
  sums.dispose();
  return {
    losses,
    gradients: { encoder: dEncoder, decoder: dDecoder, bDec: dBDec, threshold: dThreshold },
    activationSums,
    measured,
  };
}

/** `weight` at the dead features, 0 elsewhere [F]. */
function deadWeights(dead: Int32Array, dSae: number, weight: number): Float32Array {
  const weights = new Float32Array(dSae);
  for (const feature of dead) weights[feature] = weight;
  return weights;
}
