/** The fused step of JumpReLU: `jumpreluTraining.step`, over lists of what fires or nearly does. */
import { rowNormsInto } from "../tensor";
import { centredRows, measureRows, reconstruction } from "./fused-losses";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { JumpreluTrainingConfig } from "./jumprelu";

// Below zero a threshold would let negative pre-activations through.
export const fusedJumprelu = () => new FusedLinearStep<JumpreluTrainingConfig>(forward, { threshold: 0 });

const forward: ForwardPass<JumpreluTrainingConfig> = (weights, x, context, workspace) => {
  const { config, dead, measure, sparsityWeight } = context;
  const { encoder, decoder, bDec, own } = weights;
  const { dIn: D, dSae: F, sparsityPenalty, tanhScale, targetL0, bandwidth, preActCoefficient } = config;
  const { threshold } = own;
  const B = x.length / D;
  const seen = workspace.rows("x");
  const centred = workspace.floats("centred", B * D);
  seen.set(centredRows(x, bDec, config.applyBDecToInput, centred), B, D);
  const norms = config.decoderNorm === "free" ? workspace.floats("norms", F) : undefined;
  if (norms) rowNormsInto(norms, decoder, F, D);

  const active = workspace.active("main");
  const activationSums = workspace.floats("sums", F);
  const selection = { rule: "jumpRelu", threshold, below: bandwidth / 2 } as const;
  const { count, finite } = active.encode(seen, encoder, F, selection, activationSums);
  const xHat = workspace.floats("xHat", B * D);
  active.decode(decoder, D, 0, F, xHat);
  const residual = workspace.floats("residual", B * D);
  for (let i = 0; i < x.length; i += D) {
    for (let d = 0; d < D; d++) residual[i + d] = x[i + d] - bDec[d] - xHat[i + d];
  }
  const biasGradient = new Float64Array(D);
  const dXHat = xHat; // no longer needed
  const mse = reconstruction(config.reconstructionLoss, x, residual, dXHat, biasGradient);

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
    activationSums,
    measured: measure ? measureRows(x, residual, count, D) : undefined,
    main: { active, upstream: [{ until: F, gradient: workspace.rows("dXHat").set(dXHat, B, D) }] },
    extras: [],
    x: seen,
    biasGradient: Float32Array.from(biasGradient),
    sparsity: 0,
    twofold: {
      ...{ rule: "jumpRelu", threshold, bandwidth, toInput: config.straightThroughToInput, norms },
      tanhWeight: sparsityPenalty === "tanh" ? (coefficient * tanhScale) / B : 0,
      tanhScale,
      ...{ rowPenalty, revival, shortfalls },
      first: workspace.floats("thresholdGradient", F),
    },
  };
};
