/** Which classes a direction speaks for, read through CLIP's own head, and a score of whether that is true. Keys: F features, P embedding width, C classes. */
import { Random, type Tensor, tf, topK, unitRows } from "../tensor";
import type { TopExamples } from "./top-examples";

export interface LensResult {
  /** The K classes nearest to each feature, nearest first [F·K]. */
  classes: Int32Array;
  /** Their cosines, falling [F·K]. */
  cosines: Float32Array;
  /** Softmax of the cosines over all classes at `temperature`, at those classes [F·K]. */
  probabilities: Float32Array;
  k: number;
}

export interface LensOptions {
  /** Nearest classes kept. Default 5. */
  k?: number;
  /** Default 0.015 (Fry, 2024). */
  temperature?: number;
  /** Takes the mean of all classes' texts from each first, so that what every text has in common does not decide. Default false (the post). */
  centreTexts?: boolean;
}

/**
 * Classes nearest to each feature: cosines of its embedding with the classes' text embeddings. `embeddings` [F, P] is what
 * the model's head makes of the features' directions (post layer norm and visual projection; Fry, 2024, of 13·WDec + bDec), `texts` [C, P].
 */
export async function logitLens(
  embeddings: Tensor,
  texts: Tensor,
  { k = 5, temperature = 0.015, centreTexts = false }: LensOptions = {},
): Promise<LensResult> {
  if (embeddings.shape[1] !== texts.shape[1]) {
    throw new Error(
      `logitLens: expected embeddings as wide as the texts, ${texts.shape[1]}, got ${embeddings.shape[1]}`,
    );
  }
  const [values, indices, probabilities] = tf.tidy(() => {
    const unit = unitRows(texts);
    const centred = centreTexts ? unitRows(unit.sub(unit.mean(0, true))) : unit;
    const cosines = tf.matMul(unitRows(embeddings), centred, false, true); // [F, C]
    const best = topK(cosines, k);
    const scaled = cosines.div(temperature);
    const total = scaled.logSumExp(-1, true); // [F, 1]
    return [best.values, best.indices, best.values.div(temperature).sub(total).exp()];
  }) as unknown as [Tensor, Tensor, Tensor];
  const result = {
    k,
    classes: await indices.data<"int32">(),
    cosines: await values.data<"float32">(),
    probabilities: await probabilities.data<"float32">(),
  };
  tf.dispose([values, indices, probabilities]);
  return result;
}

/** The label that most of a feature's top pictures carry. */
export interface MajorityLabels {
  /** Label with the largest activation-weighted share of the top rows; the smaller number of equals; -1 without rows [F]. */
  label: Int32Array;
  /** That share, 0 to 1 [F]. */
  share: Float64Array;
}

export function majorityLabels(top: TopExamples, labels: ArrayLike<number>): MajorityLabels {
  const label = new Int32Array(top.dSae).fill(-1);
  const share = new Float64Array(top.dSae);
  for (let feature = 0; feature < top.dSae; feature++) {
    const { rows, activations } = top.feature(feature);
    const sums = new Map<number, number>();
    let total = 0;
    rows.forEach((row, i) => {
      total += activations[i];
      if (labels[row] >= 0) sums.set(labels[row], (sums.get(labels[row]) ?? 0) + activations[i]);
    });
    for (const [candidate, sum] of sums) {
      const better = sum / total > share[feature];
      if (better || (sum / total === share[feature] && candidate < label[feature])) {
        label[feature] = candidate;
        share[feature] = sum / total;
      }
    }
  }
  return { label, share };
}

export interface LensScore {
  /** Features scored: those with a majority label. */
  features: number;
  /** Share of them whose nearest class is their majority label, and whose K nearest hold it. */
  top1: number;
  topK: number;
  /** The same when the labels are dealt out to the features anew: mean and standard deviation over the shuffles. */
  shuffledTop1: number;
  shuffledTop1Deviation: number;
  shuffledTopK: number;
  shuffledTopKDeviation: number;
}

/**
 * How often the lens names the label that a feature's top pictures carry, against the same labels shuffled over the features, which
 * keeps how often each label occurs. `chosen` [n] are the features to score (default all with a label).
 */
export function scoreLens(
  { classes, k }: Pick<LensResult, "classes" | "k">,
  { label }: Pick<MajorityLabels, "label">,
  {
    chosen = [...label.keys()],
    shuffles = 200,
    seed = 42,
  }: { chosen?: ArrayLike<number>; shuffles?: number; seed?: number } = {},
): LensScore {
  const features = Array.from(chosen).filter((feature) => label[feature] >= 0);
  const truth = Int32Array.from(features, (feature) => label[feature]);
  const hits = (labels: Int32Array) => {
    let [first, any] = [0, 0];
    features.forEach((feature, i) => {
      const place = classes.subarray(feature * k, (feature + 1) * k).indexOf(labels[i]);
      if (place === 0) first++;
      if (place >= 0) any++;
    });
    return { top1: first / features.length, topK: any / features.length };
  };
  const random = new Random(seed).fork("shuffled-labels");
  const chance = Array.from({ length: shuffles }, () => hits(random.shuffle(truth.slice())));
  const [one, many] = [moments(chance.map(({ top1 }) => top1)), moments(chance.map((hit) => hit.topK))];
  return {
    features: features.length,
    ...hits(truth),
    shuffledTop1: one.mean,
    shuffledTop1Deviation: one.deviation,
    shuffledTopK: many.mean,
    shuffledTopKDeviation: many.deviation,
  };
}

function moments(values: number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(square) };
}
