/** Guessing a picture's label from its features alone: the post's game, played by a machine. Keys: N pictures, L labels, F features, D width. */
import { setImmediate as yieldToEvents } from "node:timers/promises";
import type { ActivationSource, Sae } from "../sae";
import { Random, tf } from "../tensor";

/** Feature activations held at once, B·F. */
const ACTIVATIONS_AT_ONCE = 2 ** 22;

/** What pictures of each label fire, on average: sums over the pictures added [L·F], their squares, and counts. */
export class LabelProfiles {
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;

  constructor(
    readonly labels: number,
    readonly dSae: number,
  ) {
    this.sums = new Float64Array(labels * dSae);
    this.counts = new Float64Array(labels);
  }

  /** Adds a picture's activations f [F] to its label, or with sign -1 takes them out again. */
  add(f: Float32Array, label: number, sign: 1 | -1 = 1): void {
    if (label < 0) return;
    this.counts[label] += sign;
    for (let i = 0; i < f.length; i++) if (f[i] > 0) this.sums[label * this.dSae + i] += sign * f[i];
  }

  /** Pictures of a label. */
  count(label: number): number {
    return this.counts[label];
  }

  /** Cosine of f [F] with the mean activations of a label; 0 for a label without pictures. `own`: f is one of that label's pictures and is left out. */
  similarity(f: Float32Array, label: number, own = false): number {
    let [dot, square, profile] = [0, 0, 0];
    for (let i = 0, at = label * this.dSae; i < f.length; i++, at++) {
      const mean = own ? this.sums[at] - f[i] : this.sums[at];
      dot += f[i] * mean;
      square += f[i] * f[i];
      profile += mean * mean;
    }
    return dot <= 0 ? 0 : dot / Math.sqrt(square * profile);
  }
}

export interface Round {
  /** Row of the picture. */
  picture: number;
  /** Its label. */
  truth: number;
  /** Labels to choose from, the truth among them, in random order. */
  choices: number[];
  /** The machine's choice. */
  guess: number;
}

export interface GuessResult {
  rounds: Round[];
  /** Share of rounds that the machine won. */
  accuracy: number;
  /** Standard error of it. */
  error: number;
  /** What a blind guess wins: 1 / choices. */
  chance: number;
}

export interface GuessOptions {
  sae: Sae;
  /** The SAE's inputs, a row for each picture [N, D]. */
  activations: ActivationSource;
  /** A label number for each picture [N]; pictures with -1 take no part. */
  labels: ArrayLike<number>;
  /** Number of labels, L. */
  labelCount: number;
  /** Default 20. */
  rounds?: number;
  /** Labels to choose from. Default 4. */
  choices?: number;
  /** Default 42. */
  seed?: number;
  onProgress?: (progress: { done: number; total: number; cached: boolean }) => void;
  signal?: AbortSignal;
}

/**
 * Plays rounds: a random picture, its label and others drawn at random; the guess is the label whose pictures, this one left out, fire features most
 * like it does (cosine of activations). Only labels with two pictures or more are drawn.
 */
export async function playGuessing(options: GuessOptions): Promise<GuessResult> {
  const { sae, activations, labels, labelCount, rounds = 20, choices = 4, seed = 42 } = options;
  const { onProgress = () => {}, signal } = options;
  if (labels.length !== activations.rows) {
    throw new Error(`playGuessing: expected ${activations.rows} labels, got ${labels.length}`);
  }
  const profiles = new LabelProfiles(labelCount, sae.config.dSae);
  const batch = Math.max(1, Math.floor(ACTIVATIONS_AT_ONCE / sae.config.dSae));
  for (let from = 0; from < activations.rows; from += batch) {
    signal?.throwIfAborted();
    const rows = Uint32Array.from({ length: Math.min(batch, activations.rows - from) }, (_, i) => from + i);
    const f = await encodeRows(sae, activations, rows);
    rows.forEach((row, i) => {
      profiles.add(f.subarray(i * sae.config.dSae, (i + 1) * sae.config.dSae), labels[row]);
    });
    onProgress({ done: from + rows.length, total: activations.rows, cached: false });
    await yieldToEvents();
  }
  const playable = Array.from({ length: labelCount }, (_, label) => label).filter(
    (label) => profiles.count(label) >= 2,
  );
  if (playable.length < choices) {
    throw new Error(
      `playGuessing: expected ${choices} labels of two pictures or more, got ${playable.length} (do: lower choices)`,
    );
  }
  const random = new Random(seed).fork("guessing");
  const candidates = Array.from(labels).flatMap((label, row) => (profiles.count(label) >= 2 ? [row] : []));
  const played: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const picture = candidates[random.int(candidates.length)];
    const truth = labels[picture];
    const others = random.shuffle(playable.filter((label) => label !== truth)).slice(0, choices - 1);
    const drawn = random.shuffle([truth, ...others]);
    const f = await encodeRows(sae, activations, Uint32Array.of(picture));
    const similarities = drawn.map((label) => profiles.similarity(f, label, label === truth));
    played.push({
      picture,
      truth,
      choices: drawn,
      guess: drawn[similarities.indexOf(Math.max(...similarities))],
    });
  }
  const accuracy = played.filter(({ truth, guess }) => truth === guess).length / rounds;
  return {
    rounds: played,
    accuracy,
    error: Math.sqrt((accuracy * (1 - accuracy)) / rounds),
    chance: 1 / choices,
  };
}

/** The features that fire most on a picture, strongest first. */
export async function strongestFeatures(
  sae: Sae,
  activations: ActivationSource,
  picture: number,
  count: number,
): Promise<{ feature: number; activation: number }[]> {
  return strongestFirst(await encodeRows(sae, activations, Uint32Array.of(picture)), count);
}

/** Features that fire, of activations f [F], strongest first. */
export function strongestFirst(f: Float32Array, count: number): { feature: number; activation: number }[] {
  return [...f.keys()]
    .filter((feature) => f[feature] > 0)
    .sort((a, b) => f[b] - f[a])
    .slice(0, count)
    .map((feature) => ({ feature, activation: f[feature] }));
}

async function encodeRows(sae: Sae, source: ActivationSource, indices: Uint32Array): Promise<Float32Array> {
  const rows = new Float32Array(indices.length * source.width);
  await source.gather(indices, rows);
  const x = tf.tensor2d(rows, [indices.length, source.width]);
  const f = sae.encode(x);
  const values = await f.data<"float32">();
  tf.dispose([x, f]);
  return values;
}
