/**
 * A first description of each feature without a language model: the words of its strongest pictures that CLIP finds most theirs, and a test of it. Keys: F features,
 * N pictures, T texts, P embedding width, D width.
 */
import { asHookPoint, type Clip } from "../clip";
import type { Dataset } from "../datasets";
import type { ActivationSource, Sae } from "../sae";
import { Random, tf, unitRows } from "../tensor";
import { embedWithClassTokens } from "./ablation-effect";
import type { TopExamples } from "./top-examples";

/** Texts tried for a feature: those that the most activation of its pictures carries. */
const CANDIDATES = 12;
const ROWS_AT_ONCE = 4096;

export interface DescribeOptions {
  clip: Clip;
  /** Each feature's strongest pictures. */
  top: TopExamples;
  /** What is known of a picture in words: captions, labels, keywords. */
  textsOf: (row: number) => readonly string[];
  /** The pictures' embeddings [N, P], of any length. */
  embeddings: ActivationSource;
  /** What CLIP reads, with {} for the text, as "a photo of a {}". */
  prompt: string;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface Descriptions {
  /** The different descriptions. */
  texts: string[];
  /** Their embeddings, unit rows [texts·P]. */
  embeddings: Float32Array;
  /** Row of `texts` for each feature [F]; -1 for one without pictures. */
  description: Int32Array;
  /** How much nearer to the text the feature's pictures are than all pictures, in standard deviations over pictures [F]; NaN without. */
  similarity: Float32Array;
}

/**
 * Of the texts that at least two of a feature's strongest pictures carry (any, where it has one picture), the one with the largest
 * (t·m - t·ē) / σ(t): t the text's unit embedding, m the activation-weighted mean of the pictures' unit embeddings, ē and σ the mean and the standard deviation of t·e
 * over all pictures, so that a text that suits every picture wins nothing.
 */
export async function describeFeatures(options: DescribeOptions): Promise<Descriptions> {
  const { clip, top, textsOf, embeddings, prompt, onProgress = () => {}, signal } = options;
  const F = top.dSae;
  const P = embeddings.width;
  const candidates = Array.from({ length: F }, (_, feature) => candidateTexts(top, feature, textsOf));
  const names = [...new Set(candidates.flat())];
  const numbers = new Map(names.map((name, i) => [name, i]));
  const embedded = await clip.embedTexts(names.map((name) => prompt.replace("{}", name)));
  const texts = await embedded.data<"float32">();
  embedded.dispose();
  const { mean, deviations } = await similarityOverPictures(embeddings, texts, signal);

  const description = new Int32Array(F).fill(-1);
  const similarity = new Float32Array(F).fill(Number.NaN);
  for (let feature = 0; feature < F; feature++) {
    if (candidates[feature].length === 0) continue;
    const { rows, activations } = top.feature(feature);
    const known = await unitRowsOf(embeddings, rows);
    const centre = new Float64Array(P);
    const total = activations.reduce((sum, value) => sum + value, 0);
    for (let i = 0; i < known.length; i++)
      centre[i % P] += (known[i] * activations[Math.floor(i / P)]) / total;
    for (const name of candidates[feature]) {
      const text = numbers.get(name) as number;
      let gap = 0;
      for (let p = 0; p < P; p++) gap += texts[text * P + p] * (centre[p] - mean[p]);
      const score = gap / Math.max(1e-6, deviations[text]);
      if (!(score <= similarity[feature])) [description[feature], similarity[feature]] = [text, score];
    }
    if (feature % 256 === 0) {
      signal?.throwIfAborted();
      onProgress(feature, F);
    }
  }
  onProgress(F, F);
  const used = [...new Set(description)].filter((text) => text >= 0).sort((a, b) => a - b);
  const renumbered = new Map(used.map((text, i) => [text, i]));
  const kept = new Float32Array(used.length * P);
  used.forEach((text, i) => {
    kept.set(texts.subarray(text * P, (text + 1) * P), i * P);
  });
  return {
    texts: used.map((text) => names[text]),
    embeddings: kept,
    description: description.map((text) => renumbered.get(text) ?? -1),
    similarity,
  };
}

export interface DescriptionScoreOptions
  extends Pick<DescribeOptions, "clip" | "top" | "onProgress" | "signal"> {
  sae: Sae;
  descriptions: Descriptions;
  pictures: Dataset;
  /** Where the SAE reads, `blocks.N.hook_resid_post`. */
  hookPoint: string;
  /** The class token there, of every picture in order [N, D]. */
  activations: ActivationSource;
  /** Features that are scored. Default: all. */
  features?: ArrayLike<number>;
  /** Strongest pictures of each feature that are looked at. Default 4. */
  picturesPerFeature?: number;
  /** Random features removed from each picture for comparison. Default 2. */
  randomFeatures?: number;
  /** Features at once. Default 16. */
  batchSize?: number;
  /** Default 42. */
  seed?: number;
}

/** Of each feature [F]; NaN where it was not scored. In units of cosine. */
export interface DescriptionScores {
  /** How much more removing the feature lowers the cosine of its pictures with its description than removing random features does. */
  score: Float32Array;
  /** The same with the description of another feature, drawn at random: what the score is by chance. */
  shuffled: Float32Array;
}

/**
 * Tests descriptions by ablation: x becomes x - f·WDec[feature] at the class token of the feature's strongest pictures, and as comparison x - a·WDec[g] with random
 * features g that fire there too and a such that what is taken away is as long; the rest of CLIP runs on. The score is the mean drop of the first less that of the second.
 */
export async function scoreDescriptions(options: DescriptionScoreOptions): Promise<DescriptionScores> {
  const { top, descriptions, features, batchSize = 16, seed = 42, onProgress = () => {}, signal } = options;
  const { description } = descriptions;
  const F = top.dSae;
  const wanted = Array.from(features ?? Array(F).keys()).filter((feature) => description[feature] >= 0);
  const others = shuffledDescriptions(description, seed);
  const result = {
    score: new Float32Array(F).fill(Number.NaN),
    shuffled: new Float32Array(F).fill(Number.NaN),
  };
  const norms = tf.tidy(() => options.sae.weights.WDec.norm("euclidean", 1).dataSync<"float32">());
  for (let from = 0; from < wanted.length; from += batchSize) {
    signal?.throwIfAborted();
    const batch = wanted.slice(from, from + batchSize);
    const trials = await ablationTrials(batch, norms, options);
    for (const feature of batch) {
      for (const [column, text] of [
        [result.score, description[feature]],
        [result.shuffled, others[feature]],
      ] as const) {
        const mean = (random: boolean) => {
          const drops = trials.filter((trial) => trial.feature === feature && trial.random === random);
          return drops.reduce((sum, { drop }) => sum + drop(text), 0) / Math.max(1, drops.length);
        };
        column[feature] = mean(false) - mean(true);
      }
    }
    onProgress(Math.min(wanted.length, from + batchSize), wanted.length);
  }
  return result;
}

/** One removal from one picture. */
interface Trial {
  /** Whose description is tested. */
  feature: number;
  row: number;
  /** Whether a random feature is removed in its place. */
  random: boolean;
  /** How much the cosine with a text falls. */
  drop: (text: number) => number;
}

async function ablationTrials(
  batch: readonly number[],
  norms: Float32Array,
  options: DescriptionScoreOptions,
): Promise<Trial[]> {
  const { clip, sae, pictures, activations, top, descriptions, seed = 42 } = options;
  const { picturesPerFeature = 4, randomFeatures = 2 } = options;
  const hookPoint = asHookPoint(options.hookPoint, clip.config);
  const { dIn: D, dSae: F } = sae.config;
  const firings = batch.flatMap((feature) => {
    const { rows, activations: strengths } = top.feature(feature);
    const count = Math.min(picturesPerFeature, rows.length);
    return Array.from({ length: count }, (_, i) => ({ feature, row: rows[i], strength: strengths[i] }));
  });
  const before = new Float32Array(firings.length * D);
  await activations.gather(
    Uint32Array.from(firings, ({ row }) => row),
    before,
  );
  const f = tf.tidy(() => sae.encode(tf.tensor2d(before, [firings.length, D])).dataSync<"float32">());
  const removals = firings.flatMap(({ feature, row, strength }, i) => {
    const random = new Random(seed).fork(`ablation-${feature}-${row}`);
    const firing: number[] = [];
    for (let other = 0; other < F; other++) if (other !== feature && f[i * F + other] > 0) firing.push(other);
    const drawn = random.shuffle(firing).slice(0, randomFeatures);
    const length = strength * norms[feature];
    return [
      { feature, row, at: i, removed: feature, amount: strength, random: false },
      ...drawn.map((removed) => ({
        feature,
        row,
        at: i,
        removed,
        amount: length / norms[removed],
        random: true,
      })),
    ];
  });
  const changed = tf.tidy(() => {
    const column = (values: number[]) => tf.tensor1d(Int32Array.from(values), "int32");
    const x = tf.gather(tf.tensor2d(before, [firings.length, D]), column(removals.map(({ at }) => at)));
    const directions = tf.gather(sae.weights.WDec, column(removals.map(({ removed }) => removed)));
    const amounts = tf.tensor2d(
      Float32Array.from(removals, ({ amount }) => amount),
      [removals.length, 1],
    );
    return tf.concat([tf.tensor2d(before, [firings.length, D]), x.sub(directions.mul(amounts))], 0);
  });
  const rows = [...firings.map(({ row }) => row), ...removals.map(({ row }) => row)];
  const embedded = await embedWithClassTokens(changed, rows, { clip, pictures, hookPoint });
  const units = tf.tidy(() => unitRows(embedded).dataSync<"float32">());
  tf.dispose([changed, embedded]);
  const P = units.length / rows.length;
  const cosine = (place: number, text: number) => {
    let sum = 0;
    for (let p = 0; p < P; p++) sum += units[place * P + p] * descriptions.embeddings[text * P + p];
    return sum;
  };
  return removals.map(({ feature, row, at, random }, i) => ({
    feature,
    row,
    random,
    drop: (text) => cosine(at, text) - cosine(firings.length + i, text),
  }));
}

/** For each feature the description of another one, drawn at random; another text wherever there is another. */
function shuffledDescriptions(description: Int32Array, seed: number): Int32Array {
  const living = [...description.keys()].filter((feature) => description[feature] >= 0);
  const random = new Random(seed).fork("shuffled-descriptions");
  const different = new Set(description).size - Number(description.includes(-1)) > 1;
  const out = description.slice();
  for (const feature of living) {
    do out[feature] = description[living[random.int(living.length)]];
    while (different && out[feature] === description[feature]);
  }
  return out;
}

/** The texts that two of a feature's strongest pictures share, by the share of activation that they carry; of one picture all. */
function candidateTexts(
  top: TopExamples,
  feature: number,
  textsOf: (row: number) => readonly string[],
): string[] {
  const { rows, activations } = top.feature(feature);
  const found = new Map<string, { weight: number; rows: number }>();
  rows.forEach((row, i) => {
    for (const text of new Set(textsOf(row))) {
      const sofar = found.get(text) ?? { weight: 0, rows: 0 };
      found.set(text, { weight: sofar.weight + activations[i], rows: sofar.rows + 1 });
    }
  });
  const all = [...found];
  const shared = all.filter(([, { rows: count }]) => count > 1);
  return (shared.length > 0 ? shared : all)
    .sort(([a, left], [b, right]) => right.weight - left.weight || (a < b ? -1 : 1))
    .slice(0, CANDIDATES)
    .map(([text]) => text);
}

/** Mean unit embedding of all pictures [P], and the standard deviation over pictures of each text's cosine [T], through the covariance [P, P]. */
async function similarityOverPictures(
  embeddings: ActivationSource,
  texts: Float32Array,
  signal?: AbortSignal,
): Promise<{ mean: Float32Array; deviations: Float32Array }> {
  const { rows: N, width: P } = embeddings;
  let [sum, products] = [tf.zeros([P]), tf.zeros([P, P])];
  for (let from = 0; from < N; from += ROWS_AT_ONCE) {
    signal?.throwIfAborted();
    const count = Math.min(ROWS_AT_ONCE, N - from);
    const block = await unitRowsOf(
      embeddings,
      Int32Array.from({ length: count }, (_, i) => from + i),
    );
    const before = [sum, products];
    [sum, products] = tf.tidy(() => {
      const x = tf.tensor2d(block, [count, P]);
      return [sum.add(x.sum(0)), products.add(tf.matMul(x, x, true))];
    }) as [typeof sum, typeof products];
    tf.dispose(before);
  }
  const [mean, deviations] = tf.tidy(() => {
    const centre = sum.div(N);
    const t = tf.tensor2d(texts, [texts.length / P, P]);
    const squares = tf
      .matMul(t, products.div(N) as typeof t)
      .mul(t)
      .sum(1); // E (t·e)²
    const means = tf.matMul(t, centre.reshape([P, 1]) as typeof t).flatten();
    return [centre, squares.sub(means.square()).maximum(0).sqrt()];
  });
  const result = { mean: await mean.data<"float32">(), deviations: await deviations.data<"float32">() };
  tf.dispose([sum, products, mean, deviations]);
  return result;
}

/** Rows of the source, each scaled to length 1 [n·P]. */
async function unitRowsOf(source: ActivationSource, rows: ArrayLike<number>): Promise<Float32Array> {
  const { width } = source;
  const out = new Float32Array(rows.length * width);
  await source.gather(Uint32Array.from(rows), out);
  for (let at = 0; at < out.length; at += width) {
    const length = Math.hypot(...out.subarray(at, at + width));
    for (let i = at; i < at + width; i++) out[i] /= length;
  }
  return out;
}
