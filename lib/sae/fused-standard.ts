/** The fused step of the post's architecture: `standardTraining.step`, with lists of what fires in place of matrices. */
import type { UpdatePart } from "../tensor";
import { FusedBatch } from "./fused-forward";
import { ghost } from "./fused-losses";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { StandardTrainingConfig } from "./standard";

export const fusedStandard = () => new FusedLinearStep<StandardTrainingConfig>(forward);

const forward: ForwardPass<StandardTrainingConfig> = (weights, x, context, workspace) => {
  const { config, dead, measure, sparsityWeight } = context;
  const { encoder, decoder } = weights;
  const { dIn: D, dSae: F, reconstructionLoss } = config;
  const batch = new FusedBatch(config, weights, x, workspace);
  const { B, seen, active, activationSums, residual } = batch;
  const norms = batch.decoderNorms();
  const { count, finite } = active.encode(seen, encoder, F, { rule: "relu" }, activationSums);
  const xHat = batch.decode();
  const mse = batch.reconstructionLoss(xHat);

  const sparsity = (config.l1Coefficient * sparsityWeight) / B;
  let l1 = 0;
  for (let j = 0; j < F; j++) l1 += activationSums[j] * (norms ? norms[j] : 1);

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
    ...batch.result([{ until: F, dXHat: xHat }], measure, count),
    extras,
    sparsity,
    sparsityGain: norms,
  };
};
