/** The fused step of gated SAEs: `gatedTraining.step`, over lists of the gates that are open. */
import { FusedBatch } from "./fused-forward";
import { reconstruction } from "./fused-losses";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { GatedTrainingConfig } from "./gated";

export const fusedGated = () =>
  new FusedLinearStep<GatedTrainingConfig>(forward, {
    rMag: Number.NEGATIVE_INFINITY,
    bMag: Number.NEGATIVE_INFINITY,
  });

const forward: ForwardPass<GatedTrainingConfig> = (weights, x, context, workspace) => {
  const { config, measure, sparsityWeight } = context;
  const { encoder, decoder, own } = weights;
  const { dIn: D, dSae: F, reconstructionLoss } = config;
  const { rMag, bMag } = own;
  const batch = new FusedBatch(config, weights, x, workspace);
  const { B, seen, active, activationSums } = batch;
  const norms = batch.decoderNorms();
  // u exp(rMag) + bMag, of u + bGate.
  const [slope, shift] = [workspace.floats("slope", F), workspace.floats("shift", F)];
  for (let j = 0; j < F; j++) {
    slope[j] = Math.exp(rMag[j]);
    shift[j] = bMag[j] - encoder[j * (D + 1) + D] * slope[j];
  }

  const selection = { rule: "gated", slope, shift } as const;
  const { count, finite } = active.encode(seen, encoder, F, selection, activationSums);
  const xHat = batch.decode();
  const mse = batch.reconstructionLoss(xHat);
  const dViaGates = workspace.floats("viaGates", B * D);
  active.decodeGates(decoder, D, dViaGates);
  const rest = workspace.floats("rest", B * D);
  batch.subtractFromInput(dViaGates, rest);
  const shared = config.auxDecoder === "shared";
  const ofBias = shared ? batch.biasGradient : new Float64Array(D);
  const aux = reconstruction(reconstructionLoss, x, rest, dViaGates, ofBias);

  const gateSparsity = (config.l1Coefficient * sparsityWeight) / B;
  const gateSums = workspace.floats("gateSums", F);
  active.sumGates(gateSums);
  let l1 = 0;
  for (let j = 0; j < F; j++) l1 += gateSums[j] * (norms ? norms[j] : 1);
  return {
    losses: { mse: finite ? mse : Number.NaN, l1: gateSparsity * l1, aux },
    ...batch.result([{ until: F, dXHat: xHat }], measure, count),
    twofold: {
      ...{ rule: "gated", slope, bMag, gateSparsity, norms },
      gateUpstream: workspace.rows("dViaGates").set(dViaGates, B, D),
      gatesMoveDecoder: shared,
      first: workspace.floats("rMagGradient", F),
      second: workspace.floats("bMagGradient", F),
    },
  };
};
