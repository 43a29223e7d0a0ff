/** The fused step of JumpReLU: `jumpreluTraining.step`, over lists of what fires or nearly does. */
import { FusedBatch } from "./fused-forward";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { JumpreluTrainingConfig } from "./jumprelu";

// Below zero a threshold would let negative pre-activations through.
export const fusedJumprelu = () => new FusedLinearStep<JumpreluTrainingConfig>(forward, { threshold: 0 });

const forward: ForwardPass<JumpreluTrainingConfig> = (weights, x, context, workspace) => {
  const { config, dead, measure, sparsityWeight } = context;
  const { encoder, own } = weights;
  const { dSae: F, sparsityPenalty, tanhScale, targetL0, bandwidth, preActCoefficient } = config;
  const { threshold } = own;
  const batch = new FusedBatch(config, weights, x, workspace);
  const { B, seen, active, activationSums } = batch;
  const norms = batch.decoderNorms();
  const selection = { rule: "jumpRelu", threshold, below: bandwidth / 2 } as const;
  const { count, finite } = active.encode(seen, encoder, F, selection, activationSums);
  const xHat = batch.decode();
  const mse = batch.reconstructionLoss(xHat);

  const coefficient = config.l0Coefficient * sparsityWeight;
  const losses = { mse: finite ? mse : Number.NaN, sparsity: 0, preAct: 0 };
  let rowPenalty: Float32Array | undefined;
  if (sparsityPenalty === "tanh") {
    losses.sparsity = (coefficient / B) * active.saturation(tanhScale, norms);
  } else {
    rowPenalty = workspace.floats("rowPenalty", B);
    active.countRows(rowPenalty);
    const quadratic = sparsityPenalty === "quadratic";
    for (let b = 0; b < B; b++) {
      const [l0, above] = [rowPenalty[b], rowPenalty[b] - targetL0];
      losses.sparsity += (coefficient / B) * (quadratic ? (2 / targetL0) * above * above : l0);
      rowPenalty[b] = (coefficient / B) * (quadratic ? (4 / targetL0) * above : 1);
    }
  }

  let [revival, shortfalls]: (Float32Array | undefined)[] = [];
  if (preActCoefficient > 0 && dead.length > 0) {
    revival = workspace.floats("revival", F).fill(0);
    shortfalls = workspace.floats("shortfalls", F);
    active.shortfalls(seen, encoder, threshold, dead, shortfalls);
    for (const feature of dead) {
      revival[feature] = (preActCoefficient / B) * (norms ? norms[feature] : 1);
      losses.preAct += revival[feature] * shortfalls[feature];
    }
  }
  return {
    losses,
    ...batch.result([{ until: F, dXHat: xHat }], measure, count),
    twofold: {
      ...{ rule: "jumpRelu", threshold, bandwidth, toInput: config.straightThroughToInput, norms },
      tanhWeight: sparsityPenalty === "tanh" ? (coefficient * tanhScale) / B : 0,
      tanhScale,
      ...{ rowPenalty, revival, shortfalls },
      first: workspace.floats("thresholdGradient", F),
    },
  };
};
