/** The fused step of gated SAEs: `gatedTraining.step`, over lists of the gates that are open. */
import { rowNormsInto } from "../tensor";
import { centredRows, measureRows, reconstruction } from "./fused-losses";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { GatedTrainingConfig } from "./gated";

export const fusedGated = () =>
  new FusedLinearStep<GatedTrainingConfig>(forward, {
    rMag: Number.NEGATIVE_INFINITY,
    bMag: Number.NEGATIVE_INFINITY,
  });

const forward: ForwardPass<GatedTrainingConfig> = (weights, x, context, workspace) => {
  const { config, measure, sparsityWeight } = context;
  const { encoder, decoder, bDec, own } = weights;
  const { dIn: D, dSae: F, reconstructionLoss } = config;
  const { rMag, bMag } = own;
  const B = x.length / D;
  const seen = workspace.rows("x");
  const centred = workspace.floats("centred", B * D);
  seen.set(centredRows(x, bDec, config.applyBDecToInput, centred), B, D);
  const norms = config.decoderNorm === "free" ? workspace.floats("norms", F) : undefined;
  if (norms) rowNormsInto(norms, decoder, F, D);
  // u exp(rMag) + bMag, of u + bGate.
  const [slope, shift] = [workspace.floats("slope", F), workspace.floats("shift", F)];
  for (let j = 0; j < F; j++) {
    slope[j] = Math.exp(rMag[j]);
    shift[j] = bMag[j] - encoder[j * (D + 1) + D] * slope[j];
  }

  const active = workspace.active("main");
  const activationSums = workspace.floats("sums", F);
  const selection = { rule: "gated", slope, shift } as const;
  const { count, finite } = active.encode(seen, encoder, F, selection, activationSums);
  const dXHat = workspace.floats("xHat", B * D);
  active.decode(decoder, D, 0, F, dXHat);
  const dViaGates = workspace.floats("viaGates", B * D);
  active.decodeGates(decoder, D, dViaGates);
  const [residual, viaGates] = [workspace.floats("residual", B * D), workspace.floats("rest", B * D)];
  for (let i = 0; i < x.length; i += D) {
    for (let d = 0; d < D; d++) {
      residual[i + d] = x[i + d] - bDec[d] - dXHat[i + d];
      viaGates[i + d] = x[i + d] - bDec[d] - dViaGates[i + d];
    }
  }
  const biasGradient = new Float64Array(D);
  const shared = config.auxDecoder === "shared";
  const mse = reconstruction(reconstructionLoss, x, residual, dXHat, biasGradient);
  const ofFrozen = new Float64Array(D);
  const aux = reconstruction(reconstructionLoss, x, viaGates, dViaGates, shared ? biasGradient : ofFrozen);

  const gateSparsity = (config.l1Coefficient * sparsityWeight) / B;
  const gateSums = workspace.floats("gateSums", F);
  active.sumGates(gateSums);
  let l1 = 0;
  for (let j = 0; j < F; j++) l1 += gateSums[j] * (norms ? norms[j] : 1);
  return {
    losses: { mse: finite ? mse : Number.NaN, l1: gateSparsity * l1, aux },
    activationSums,
    measured: measure ? measureRows(x, residual, count, D) : undefined,
    main: { active, upstream: [{ until: F, gradient: workspace.rows("dXHat").set(dXHat, B, D) }] },
    extras: [],
    x: seen,
    biasGradient: Float32Array.from(biasGradient),
    sparsity: 0,
    twofold: {
      ...{ rule: "gated", slope, bMag, gateSparsity, norms },
      gateUpstream: workspace.rows("dViaGates").set(dViaGates, B, D),
      gatesMoveDecoder: shared,
      first: workspace.floats("rMagGradient", F),
      second: workspace.floats("bMagGradient", F),
    },
  };
};
