/** The fused steps of TopK, BatchTopK and Matryoshka: what `topk-training.ts` does, over lists of what is selected. */
import type { Selection, UpdatePart } from "../tensor";
import type { BatchTopkTrainingConfig, MatryoshkaTrainingConfig } from "./batchtopk";
import { FusedBatch } from "./fused-forward";
import { auxK, centredRows, reconstruction } from "./fused-losses";
import { type ForwardPass, FusedLinearStep } from "./fused-step";
import type { TopkTrainingConfig } from "./topk";

type TopkFamily = TopkTrainingConfig | BatchTopkTrainingConfig | MatryoshkaTrainingConfig;

export const fusedTopk = () => new FusedLinearStep<TopkTrainingConfig>(forward);
export const fusedBatchTopk = () => new FusedLinearStep<BatchTopkTrainingConfig>(forward);
export const fusedMatryoshka = () => new FusedLinearStep<MatryoshkaTrainingConfig>(forward);

/** A feature's own level's error and those of all wider levels reach it: `upstream` holds their sums. */
const forward: ForwardPass<TopkFamily> = (weights, x, context, workspace) => {
  const { config, dead, measure } = context;
  const { encoder, decoder, bDec } = weights;
  const { dIn: D, dSae: F } = config;
  const batch = new FusedBatch(config, weights, x, workspace);
  const { B, seen, active, activationSums, residual, biasGradient } = batch;
  const widths = config.architecture === "matryoshka_batchtopk" ? config.widths : [F];
  const gain = config.rescaleActsByDecoderNorm ? batch.decoderNorms() : undefined;
  const selection: Selection =
    config.architecture === "topk"
      ? { rule: "topK", k: config.k, gain }
      : { rule: "batchTopK", k: Math.floor(config.k * B), gain };
  const { count, least, finite } = active.encode(seen, encoder, F, selection, activationSums);

  const losses: Record<string, number> = {};
  centredRows(x, bDec, true, residual);
  const extras: UpdatePart[] = [];
  const perLevel = config.architecture === "matryoshka_batchtopk" && config.auxPerLevel;
  const own = (first: number, width: number) => dead.filter((feature) => feature >= first && feature < width);
  const aux = (name: string, rows: Int32Array) => {
    if (config.auxCoefficient === 0 || rows.length === 0) return;
    const helper = workspace.active(name);
    const among = { rule: "topK", k: config.auxK, gain, signedValues: true } as const;
    helper.encode(seen, encoder, rows, among, new Float32Array(rows.length));
    const reconstructed = workspace.floats(name, B * D);
    helper.decode(decoder, D, 0, rows.length, reconstructed);
    const weight = config.auxCoefficient * Math.min(rows.length / config.auxK, 1);
    losses.aux += auxK(residual, reconstructed, D, weight);
    const gradient = workspace.rows(name).set(reconstructed, B, D);
    extras.push({ active: helper, upstream: [{ until: F, gradient }] });
  };

  losses.aux = 0;
  const part = workspace.floats("part", B * D);
  const errors = widths.map((width, l) => {
    const first = widths[l - 1] ?? 0;
    active.decode(decoder, D, first, width, part);
    for (let i = 0; i < residual.length; i++) residual[i] -= part[i];
    const dXHat = workspace.floats(`dXHat-${l}`, B * D);
    const loss = reconstruction(config.reconstructionLoss, x, residual, dXHat, biasGradient);
    losses[width === F ? "mse" : `inner_${width}`] = finite ? loss : Number.NaN;
    if (perLevel) aux(`aux-${l}`, own(first, width));
    return dXHat;
  });
  if (!perLevel) aux("aux", dead);
  for (let l = errors.length - 2; l >= 0; l--) {
    for (let i = 0; i < errors[l].length; i++) errors[l][i] += errors[l + 1][i];
  }
  return {
    losses,
    smallestActivation: config.architecture !== "topk" && least > 0 ? least : undefined,
    ...batch.result(
      widths.map((until, l) => ({ until, dXHat: errors[l] })),
      measure,
      count,
    ),
    extras,
  };
};
