/** From a study to what the page shows of every feature. Keys: F features, D model width, C label names. */
import { labelEntropies, logitLens, majorityLabels, neuronAlignment, type Study } from "../lib/analysis";
import { projectClassToken } from "../lib/clip";
import { type Tensor, tf, topK, unitRows } from "../lib/tensor";
import type { FeatureChunk, FeatureColumns } from "./format";

/** Products of feature pairs held at once: 64 MB. */
const PRODUCTS_AT_ONCE = 2 ** 24;

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
  columns: FeatureColumns;
  /** All features as one chunk. */
  details: FeatureChunk;
  top: number;
  neighbours: number;
  lens: number;
}

type Measured = Pick<Study, "clip" | "sae" | "statistics" | "labels">;

/**
 * Density, mean activation where it fires, label entropy of the strongest pictures, largest cosine of the encoder vector with an MLP neuron of the hook point's
 * block, nearest decoder vectors, and label names nearest to the decoder vector by the logit lens (lib/analysis has the formulas).
 */
export async function measureFeatures(study: Measured, options: MeasureOptions): Promise<MeasuredFeatures> {
  const { clip, sae, statistics, labels } = study;
  const { hookPoint, prompt, top, onProgress = () => {}, signal } = options;
  const F = sae.config.dSae;
  const neighbours = Math.min(options.neighbours ?? 12, F - 1);
  const lens = Math.min(options.lens ?? 6, labels.names.length);
  const { featureDensity, meanActivation } = statistics.density.result();
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
  tf.dispose([encoder, neurons]);
  const nearest = await nearestDirections(sae.weights.WDec, neighbours, (done) => {
    signal?.throwIfAborted();
    onProgress("nearest features", done, F);
  });
  const words = labels.names.map((name) => prompt.replace("{}", name.replace(/[-_]/g, " ")));
  const texts = await clip.embedTexts(words); // [C, P]
  const names = { lens: new Int32Array(F * lens), lensCosines: new Float32Array(F * lens) };
  const size = Math.max(1, Math.floor(PRODUCTS_AT_ONCE / labels.names.length));
  for (let from = 0; from < F; from += size) {
    signal?.throwIfAborted();
    const embedded = tf.tidy(() => {
      const directions = sae.weights.WDec.slice([from, 0], [Math.min(size, F - from), -1]);
      return projectClassToken(directions, clip.parameters, clip.config);
    });
    const found = await logitLens(embedded, texts, { k: lens });
    names.lens.set(found.classes, from * lens);
    names.lensCosines.set(found.cosines, from * lens);
    embedded.dispose();
    onProgress("logit lens", Math.min(F, from + size), F);
  }
  texts.dispose();
  return {
    top,
    neighbours,
    lens,
    columns: {
      density: Float32Array.from(featureDensity),
      meanActivation: Float32Array.from(meanActivation),
      entropy: Float32Array.from(labelEntropies(statistics.top, labels.index)),
      mlpCosine: maxCosine,
      label: majorityLabels(statistics.top, labels.index).label,
      picture: Int32Array.from({ length: F }, (_, feature) => pictures[feature * top]),
    },
    details: { pictures, activations, ...nearest, ...names },
  };
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
