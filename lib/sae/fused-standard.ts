/** The fused step of the post's architecture: `standardTraining.step`, with lists of what fires in place of matrices. */
import { rowNormsInto, type UpdatePart } from "../tensor";
import { centredRows, ghost, measureRows, reconstruction } from "./fused-losses";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { StandardTrainingConfig } from "./standard";

export const fusedStandard = () => new FusedLinearStep<StandardTrainingConfig>(forward);

const forward: ForwardPass<StandardTrainingConfig> = (weights, x, context, workspace) => {
  const { config, dead, measure, sparsityWeight } = context;
  const { encoder, decoder, bDec } = weights;
  const { dIn: D, dSae: F, reconstructionLoss } = config;
  const B = x.length / D;
  const seen = workspace.rows("x");
  const centred = workspace.floats("centred", B * D);
  seen.set(centredRows(x, bDec, config.applyBDecToInput, centred), B, D);

  const active = workspace.active("main");
  const activationSums = workspace.floats("sums", F);
  const { count, finite } = active.encode(seen, encoder, F, { rule: "relu" }, activationSums);
  const xHat = workspace.floats("xHat", B * D);
  active.decode(decoder, D, 0, F, xHat);
  const residual = workspace.floats("residual", B * D);
  for (let i = 0; i < x.length; i += D) {
    for (let d = 0; d < D; d++) residual[i + d] = x[i + d] - bDec[d] - xHat[i + d];
  }
  const biasGradient = new Float64Array(D);
  const dXHat = xHat; // no longer needed
  const mse = reconstruction(reconstructionLoss, x, residual, dXHat, biasGradient);

  const sparsity = (config.l1Coefficient * sparsityWeight) / B;
  const sparsityGain = config.decoderNorm === "free" ? workspace.floats("norms", F) : undefined;
  if (sparsityGain) rowNormsInto(sparsityGain, decoder, F, D);
  let l1 = 0;
  for (let j = 0; j < F; j++) l1 += activationSums[j] * (sparsityGain ? sparsityGain[j] : 1);

  const extras: UpdatePart[] = [];
  const losses = { mse: finite ? mse : Number.NaN, l1: sparsity * l1, ghost: 0 };
  if (config.ghostGradients && dead.length > 0) {
    const haunted = workspace.active("ghost");
    const raw = workspace.floats("ghost", B * D);
    haunted.encode(seen, encoder, dead, { rule: "exponential" }, new Float32Array(dead.length));
    haunted.decode(decoder, D, 0, dead.length, raw);
    losses.ghost = ghost(reconstructionLoss, x, residual, raw, D);
    extras.push({
      active: haunted,
      upstream: [{ until: F, gradient: workspace.rows("ghost").set(raw, B, D) }],
    });
  }
  return {
    losses,
    activationSums,
    measured: measure ? measureRows(x, residual, count, D) : undefined,
    main: { active, upstream: [{ until: F, gradient: workspace.rows("dXHat").set(dXHat, B, D) }] },
    extras,
    x: seen,
    biasGradient: Float32Array.from(biasGradient),
    sparsity,
    sparsityGain,
  };
};
