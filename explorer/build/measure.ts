/** From a study to what the page shows of every feature. Keys: F features, D model width, M neurons, C label names. */
import {
  ACTIVATION_BINS,
  type ActivationSpread,
  type Cluster,
  clustersByMixture,
  clustersByThreshold,
  type FeatureFirings,
  labelEntropies,
  logitLens,
  majorityLabels,
  neuronAlignment,
  type Study,
} from "../../lib/analysis";
import { projectClassToken } from "../../lib/clip";
import { type Tensor, tf, topK, unitRows } from "../../lib/tensor";
import {
  type ChunkSizes,
  CLUSTERS,
  type FeatureChunk,
  type FeatureColumns,
  type Neurons,
} from "../format/page-format";
import type { Atlas } from "./atlas-order";
import type { DescriptionColumns } from "./descriptions";
import type { Heatmaps } from "./heatmaps";

/** Products of feature pairs held at once: 64 MB. */
const PRODUCTS_AT_ONCE = 2 ** 24;
/** Shares of a feature's firings, and pictures out of each. */
const [QUANTILES, PER_QUANTILE] = [5, 5];
const CLUSTER_ROWS: Record<Cluster, number> = {
  dead: CLUSTERS.indexOf("dead"),
  ultraLow: CLUSTERS.indexOf("weaker"),
  dense: CLUSTERS.indexOf("stronger"),
};

export interface MeasureOptions {
  hookPoint: string;
  /** Text whose embedding stands for a label, {} for its name. */
  prompt: string;
  /** Strongest pictures kept for each feature. */
  top: number;
  /** Nearest features kept. Default 12. */
  neighbours?: number;
  /** Nearest label names kept. Default 6. */
  lens?: number;
  onProgress?: (stage: string, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** All features of an SAE as the page shows them; pictures are rows of the data set. */
export interface MeasuredFeatures {
  columns: Omit<FeatureColumns, "visualised">;
  /** All features as one chunk. */
  details: FeatureChunk;
  sizes: ChunkSizes;
  neurons: Neurons;
}

type Measured = Pick<Study, "clip" | "sae" | "statistics" | "labels"> & { firings: FeatureFirings };

/** What is measured here; atlas, descriptions and heatmaps are made by others and put in by `withExtras`. */
export interface MeasuredCore extends Omit<MeasuredFeatures, "columns" | "details" | "sizes"> {
  columns: Omit<MeasuredFeatures["columns"], keyof DescriptionColumns | "atlasX" | "atlasY" | "atlasLevel">;
  details: Omit<FeatureChunk, "heatmaps" | "sampleHeatmaps">;
  sizes: Omit<ChunkSizes, "heatmaps" | "heatmapSide">;
}

/**
 * Density, mean activation where it fires, label entropy of the strongest pictures, largest cosine of the encoder vector with an MLP neuron of the hook point's
 * block, the cluster of experiment 02, samples of all strengths and a histogram, nearest decoder vectors, features that fire together, and label names nearest
 * to the decoder vector by the logit lens (lib/analysis has the formulas).
 */
export async function measureFeatures(study: Measured, options: MeasureOptions): Promise<MeasuredCore> {
  const { clip, sae, statistics, labels, firings } = study;
  const { hookPoint, prompt, top, onProgress = () => {}, signal } = options;
  const F = sae.config.dSae;
  const neighbours = Math.min(options.neighbours ?? 12, F - 1);
  const lens = Math.min(options.lens ?? 6, labels.names.length);
  const { featureDensity, log10Density, meanActivation } = statistics.density.result();
  const pictures = new Int32Array(F * top).fill(-1);
  const activations = new Float32Array(F * top);
  for (let feature = 0; feature < F; feature++) {
    const best = statistics.top.feature(feature);
    pictures.set(best.rows.subarray(0, top), feature * top);
    activations.set(best.activations.subarray(0, top), feature * top);
  }
  onProgress("neurons", 0, F);
  const block = /^blocks\.(\d+)\./.exec(hookPoint)?.[1];
  if (block === undefined)
    throw new Error(`measureFeatures: expected blocks.N.… as hook point, got ${hookPoint}`);
  const [encoder, neurons] = [
    sae.weights.WEnc.transpose(), // [F, D]
    clip.parameters[`vision_model.encoder.layers.${block}.mlp.fc2.weight`].transpose(), // [M, D]
  ];
  const { maxCosine } = await neuronAlignment(encoder, neurons);
  const [encoderBytes, neuronBytes] = [await rowsAsBytes(encoder), await rowsAsBytes(neurons)];
  const [width, M] = [sae.config.dIn, neurons.shape[0]];
  tf.dispose([encoder, neurons]);
  onProgress("neurons", F, F);
  const nearest = await nearestDirections(sae.weights.WDec, neighbours, (done) => {
    signal?.throwIfAborted();
    onProgress("nearest features", done, F);
  });
  const together = await firings.coFiring.nearest(neighbours, (done) => {
    signal?.throwIfAborted();
    onProgress("features that fire together", done, F);
  });
  const names = await nearestNames(study, prompt, lens, (done) => {
    signal?.throwIfAborted();
    onProgress("logit lens", done, F);
  });
  const entropy = labelEntropies(statistics.top, labels.index);
  const points = { log10Density, log10MeanTop: statistics.top.meanActivation().map(Math.log10) };
  const living = log10Density.filter((value) => value > -10).length;
  const clusters =
    living < 10 ? clustersByThreshold(points, {}, entropy) : clustersByMixture(points).clusters;
  const { histogram, ...bins } = histograms(firings.spread);
  return {
    sizes: {
      ...{ top, neighbours, lens, width, neurons: M },
      quantiles: QUANTILES,
      perQuantile: PER_QUANTILE,
      ...bins,
    },
    neurons: { vectors: neuronBytes },
    columns: {
      density: Float32Array.from(featureDensity),
      meanActivation: Float32Array.from(meanActivation),
      entropy: Float32Array.from(entropy),
      mlpCosine: maxCosine,
      label: majorityLabels(statistics.top, labels.index).label,
      picture: Int32Array.from({ length: F }, (_, feature) => pictures[feature * top]),
      cluster: Uint8Array.from(clusters, (cluster) => CLUSTER_ROWS[cluster]),
    },
    details: {
      ...{ pictures, activations, histogram, ...samplesOf(firings.spread) },
      encoder: encoderBytes,
      ...nearest,
      coFiring: together.features,
      coFiringShares: together.shares,
      ...names,
    },
  };
}

/** What was measured together with what others made. */
export function withExtras(
  { columns, details, sizes, neurons }: MeasuredCore,
  extras: { descriptions: DescriptionColumns; atlas: Atlas; heatmaps: Heatmaps & { count: number } },
): MeasuredFeatures {
  const { descriptions, atlas, heatmaps } = extras;
  return {
    neurons,
    sizes: { ...sizes, heatmaps: heatmaps.count, heatmapSide: heatmaps.side },
    columns: {
      ...columns,
      ...descriptions,
      ...{ atlasX: atlas.x, atlasY: atlas.y, atlasLevel: atlas.level },
    },
    details: { ...details, heatmaps: heatmaps.strongest, sampleHeatmaps: heatmaps.samples },
  };
}

/** Label names whose texts are nearest to each decoder vector by the model's head. */
async function nearestNames(
  { clip, sae, labels }: Measured,
  prompt: string,
  k: number,
  onProgress: (done: number) => void,
): Promise<Pick<FeatureChunk, "lens" | "lensCosines">> {
  const F = sae.config.dSae;
  const words = labels.names.map((name) => prompt.replace("{}", name.replace(/[-_]/g, " ")));
  const texts = await clip.embedTexts(words); // [C, P]
  const names = { lens: new Int32Array(F * k), lensCosines: new Float32Array(F * k) };
  const size = Math.max(1, Math.floor(PRODUCTS_AT_ONCE / labels.names.length));
  for (let from = 0; from < F; from += size) {
    const embedded = tf.tidy(() => {
      const directions = sae.weights.WDec.slice([from, 0], [Math.min(size, F - from), -1]);
      return projectClassToken(directions, clip.parameters, clip.config);
    });
    const found = await logitLens(embedded, texts, { k });
    names.lens.set(found.classes, from * k);
    names.lensCosines.set(found.cosines, from * k);
    embedded.dispose();
    onProgress(Math.min(F, from + size));
  }
  texts.dispose();
  return names;
}

/** Pictures out of every share of each feature's firings. */
function samplesOf(spread: ActivationSpread): Pick<FeatureChunk, "samples" | "sampleActivations"> {
  const each = QUANTILES * PER_QUANTILE;
  const samples = new Int32Array(spread.dSae * each);
  const sampleActivations = new Float32Array(spread.dSae * each);
  for (let feature = 0; feature < spread.dSae; feature++) {
    const { rows, activations } = spread.quantiles(feature, QUANTILES, PER_QUANTILE);
    samples.set(rows, feature * each);
    sampleActivations.set(activations, feature * each);
  }
  return { samples, sampleActivations };
}

/** All histograms, without the bins at both ends that no feature uses. */
function histograms(
  spread: ActivationSpread,
): Pick<FeatureChunk, "histogram"> & Pick<ChunkSizes, "bins" | "log2Low" | "perOctave"> {
  const { log2Low, perOctave, count } = ACTIVATION_BINS;
  const all = Array.from({ length: spread.dSae }, (_, feature) => spread.histogram(feature));
  const used = Array.from({ length: count }, (_, bin) => all.some((one) => one[bin] > 0));
  const first = Math.max(0, used.indexOf(true));
  const bins = Math.max(1, used.lastIndexOf(true) + 1 - first);
  const histogram = new Int32Array(spread.dSae * bins);
  for (const [feature, one] of all.entries())
    histogram.set(one.subarray(first, first + bins), feature * bins);
  return { histogram, bins, log2Low: log2Low + first / perOctave, perOctave };
}

/** Rows [n, D] in 127ths of each one's largest number [n·D]: enough for a plot of cosines. */
async function rowsAsBytes(rows: Tensor): Promise<Int8Array> {
  const scaled = tf.tidy(() => rows.mul(127).div(rows.abs().max(-1, true).maximum(1e-20)).round());
  const bytes = Int8Array.from(await scaled.data());
  scaled.dispose();
  return bytes;
}

/** For each row of `directions` [F, D] the k others of largest cosine, nearest first; blocks of rows, so that F² is never held. */
export async function nearestDirections(
  directions: Tensor,
  k: number,
  onProgress: (done: number) => void = () => {},
): Promise<Pick<FeatureChunk, "neighbours" | "neighbourCosines">> {
  const [F, D] = directions.shape as [number, number];
  const neighbours = new Int32Array(F * k).fill(-1);
  const neighbourCosines = new Float32Array(F * k);
  const unit = unitRows(directions);
  const size = Math.max(1, Math.floor(PRODUCTS_AT_ONCE / F));
  for (let from = 0; from < F; from += size) {
    const count = Math.min(size, F - from);
    // One more than asked for, because a row is nearest to itself.
    const best = tf.tidy(() => topK(tf.matMul(unit.slice([from, 0], [count, D]), unit, false, true), k + 1));
    const [indices, cosines] = [await best.indices.data<"int32">(), await best.values.data<"float32">()];
    for (let i = 0; i < count; i++) {
      let place = (from + i) * k;
      for (let j = i * (k + 1); j < (i + 1) * (k + 1) && place < (from + i + 1) * k; j++) {
        if (indices[j] === from + i) continue;
        neighbours[place] = indices[j];
        neighbourCosines[place++] = cosines[j];
      }
    }
    tf.dispose([best.indices, best.values]);
    onProgress(from + count);
  }
  unit.dispose();
  return { neighbours, neighbourCosines };
}
