/** Training Gated SAEs: the gate learns through its own activations π, which must reconstruct on their own. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import type { StepContext, StepResult, TrainingForm } from "./architectures";
import { adjustDecoder, constrainDecoder, penaltyNorms, throughNorms } from "./decoder-norm";
import type { GatedTrainingConfig } from "./gated";
import { centred } from "./linear";
import { bDecGradient, foldedLinear, measure, residualOf, startLinear } from "./linear-training";
import { matMul, relu, reluGrad } from "./matmul";
import { reconstructionTerm } from "./reconstruction-loss";

/**
 * Parameters as in `startLinear`, where the encoder's bias is bGate, and `rMag`, `bMag` [F], both 0 at the start.
 * Losses: mse, l1, aux.
 */
export const gatedTraining: TrainingForm<GatedTrainingConfig> = {
  start: (config, bDec, random) => ({
    ...startLinear(config, bDec, random),
    rMag: tf.zeros([config.dSae]),
    bMag: tf.zeros([config.dSae]),
  }),
  step,
  adjust: adjustDecoder,
  constrain: constrainDecoder,
  weights: (parameters, scaling, config) => {
    const { bEnc, ...weights } = foldedLinear(parameters, scaling, config);
    const bMag = tf.tidy(() => {
      // Where bDec is not taken from the input, the centre moves bMag as it moves bGate, times exp(rMag).
      const unfolded = parameters.encoder.slice([0, config.dIn], [config.dSae, 1]).reshape([config.dSae]);
      return parameters.bMag.add(bEnc.sub(unfolded).mul(parameters.rMag.exp()));
    });
    return { ...weights, bGate: bEnc, bMag, rMag: parameters.rMag.clone() };
  },
};

/**
 * One forward and backward pass at x [B, D] with u = (x - bDec) WEnc, π = relu(u + bGate), n the decoder's norms:
 *   mse = the reconstruction term of f = relu(u exp(rMag) + bMag) where u + bGate > 0
 *   l1  = l1Coefficient · mean_B Σ π n
 *   aux = the reconstruction term of π
 * The gate's own step has no gradient: it learns from l1 and aux alone.
 */
function step(parameters: NamedTensors, x: Tensor, context: StepContext<GatedTrainingConfig>): StepResult {
  const { config, sparsityWeight } = context;
  const { encoder, decoder, bDec, rMag, bMag } = parameters;
  const [F, D] = decoder.shape;
  const B = x.shape[0];
  const l1 = (config.l1Coefficient * sparsityWeight) / B;
  const shared = config.auxDecoder === "shared";
  const losses: Record<string, number> = {};
  let measured: StepResult["measured"];
  const out = tf.tidy(() => {
    const input = centred(config, bDec, x);
    const WEncT = encoder.slice([0, 0], [F, D]);
    const bGate = encoder.slice([0, D], [F, 1]).reshape([F]);
    const gain = rMag.exp(); // [F]
    const u = matMul(input, WEncT, false, true); // [B, F]
    const pi = relu(u.add(bGate));
    const scaled = u.mul(gain);
    const f = relu(scaled.add(bMag)).mul(pi.greater(0).toFloat());

    const residual = residualOf(parameters, x, f);
    const term = reconstructionTerm(x, residual, config.reconstructionLoss);
    const aux = reconstructionTerm(x, residualOf(parameters, x, pi), config.reconstructionLoss);
    const norms = penaltyNorms(decoder, config); // [F]
    const piSums = pi.sum(0); // [F]
    losses.mse = term.loss.dataSync()[0];
    losses.l1 = l1 * piSums.mul(norms).sum().dataSync()[0];
    losses.aux = aux.loss.dataSync()[0];

    const dMag = reluGrad(matMul(term.dXHat, decoder, false, true), f); // [B, F]
    const dPi = matMul(aux.dXHat, decoder, false, true).add(norms.mul(l1));
    const dGate = reluGrad(dPi, pi);
    const dU = dMag.mul(gain).add(dGate);
    const dBGate = dGate.sum(0).reshape([F, 1]);
    const dWEncT = matMul(dU, input, true); // [F, D]

    let dDecoder = matMul(f, term.dXHat, true);
    let throughXHat = term.dXHat.sum(0);
    if (shared) {
      dDecoder = dDecoder.add(matMul(pi, aux.dXHat, true));
      throughXHat = throughXHat.add(aux.dXHat.sum(0));
    }
    if (config.decoderNorm === "free") dDecoder = dDecoder.add(throughNorms(piSums.mul(l1), decoder));
    const dBDec = bDecGradient(parameters, dU.sum(0).reshape([F, 1]), throughXHat, config);
    if (context.measure) measured = measure(x, residual, f);
    return [tf.concat([dWEncT, dBGate], 1), dDecoder, dBDec, dMag.mul(scaled).sum(0), dMag.sum(0), f.sum(0)];
  }) as unknown as Tensor[];
  const [dEncoder, dDecoder, dBDec, dRMag, dBMag, sums] = out;
  const activationSums = sums.dataSync() as Float32Array;
  sums.dispose();
  return {
    losses,
    gradients: { encoder: dEncoder, decoder: dDecoder, bDec: dBDec, rMag: dRMag, bMag: dBMag },
    activationSums,
    measured,
  };
}
