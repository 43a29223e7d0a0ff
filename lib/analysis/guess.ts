/** Guessing a picture's label from its features alone: the post's game, played by a machine. Keys: N pictures, L labels, F features, D width. */
import { setImmediate as yieldToEvents } from "node:timers/promises";
import type { ActivationSource, Sae } from "../sae";
import { Random, tf } from "../tensor";

/** Feature activations held at once, B·F. */
const ACTIVATIONS_AT_ONCE = 2 ** 22;
/** Feature activations that profiles are made of: all of 350,000 pictures at 3,072 features, of 16,384 at 65,536. */
const ACTIVATIONS_LOOKED_AT = 2 ** 30;

/** What pictures of each label fire: sums over the pictures added [L·F]. */
export class LabelProfiles {
  private readonly sums: Float64Array;

  constructor(
    readonly labels: number,
    readonly dSae: number,
  ) {
    this.sums = new Float64Array(labels * dSae);
  }

  /** Adds a picture's activations f [F] to its label, or with sign -1 takes them out again. */
  add(f: Float32Array, label: number, sign: 1 | -1 = 1): void {
    if (label < 0) return;
    for (let i = 0; i < f.length; i++) if (f[i] > 0) this.sums[label * this.dSae + i] += sign * f[i];
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
  /** Pictures of each label at most that its profile is made of, drawn at random. Default: as many as keep B·F, over all labels that are played, under 2³⁰. */
  picturesPerLabel?: number;
  /** Default 42. */
  seed?: number;
  onProgress?: (progress: { done: number; total: number; cached: boolean }) => void;
  signal?: AbortSignal;
}

/**
 * Plays rounds: a random picture, its label and others drawn at random; the guess is the label whose pictures, this one left out, fire features most
 * like it does (cosine of activations; of labels with very many pictures `picturesPerLabel` of them). Only labels with two pictures or more are drawn.
 */
export async function playGuessing(options: GuessOptions): Promise<GuessResult> {
  const { sae, activations, labels, labelCount, rounds = 20, choices = 4, seed = 42 } = options;
  const { dSae: F } = sae.config;
  if (labels.length !== activations.rows) {
    throw new Error(`playGuessing: expected ${activations.rows} labels, got ${labels.length}`);
  }
  const rowsOf = Array.from({ length: labelCount }, (): number[] => []);
  for (let row = 0; row < labels.length; row++) if (labels[row] >= 0) rowsOf[labels[row]].push(row);
  const playable = [...rowsOf.keys()].filter((label) => rowsOf[label].length >= 2);
  if (playable.length < choices) {
    throw new Error(
      `playGuessing: expected ${choices} labels of two pictures or more, got ${playable.length} (do: lower choices)`,
    );
  }
  const random = new Random(seed).fork("guessing");
  const candidates = Array.from(labels).flatMap((label, row) => (rowsOf[label]?.length >= 2 ? [row] : []));
  const drawn = Array.from({ length: rounds }, () => {
    const picture = candidates[random.int(candidates.length)];
    const truth = labels[picture];
    const others = random.shuffle(playable.filter((label) => label !== truth)).slice(0, choices - 1);
    return { picture, truth, choices: random.shuffle([truth, ...others]) };
  });
  const asked = [...new Set(drawn.flatMap((round) => round.choices))];
  const bound = Math.max(2, Math.floor(ACTIVATIONS_LOOKED_AT / F / asked.length));
  const { picturesPerLabel = bound } = options;
  const looked = asked.flatMap((label) => {
    const rows = rowsOf[label];
    const sample = () => new Random(seed).fork(`profile-${label}`).shuffle([...rows]);
    return rows.length <= picturesPerLabel ? rows : sample().slice(0, picturesPerLabel);
  });
  /** Row of the profiles. */
  const places = new Map(asked.map((label, i) => [label, i]));
  const placeOf = (label: number) => places.get(label) as number;
  const profiles = new LabelProfiles(asked.length, F);
  await addPictures(profiles, looked, (row) => placeOf(labels[row]), options);
  const among = new Set(looked);
  const played: Round[] = [];
  for (const round of drawn) {
    const { picture, truth } = round;
    const f = await encodeRows(sae, activations, Uint32Array.of(picture));
    const similarities = round.choices.map((label) =>
      profiles.similarity(f, placeOf(label), label === truth && among.has(picture)),
    );
    played.push({ ...round, guess: round.choices[similarities.indexOf(Math.max(...similarities))] });
  }
  const accuracy = played.filter(({ truth, guess }) => truth === guess).length / rounds;
  return {
    rounds: played,
    accuracy,
    error: Math.sqrt((accuracy * (1 - accuracy)) / rounds),
    chance: 1 / choices,
  };
}

/** Adds rows of the activations to the profiles that `profileOf` names. */
async function addPictures(
  profiles: LabelProfiles,
  rows: readonly number[],
  profileOf: (row: number) => number,
  { sae, activations, onProgress = () => {}, signal }: GuessOptions,
): Promise<void> {
  const { dSae: F } = sae.config;
  const batch = Math.max(1, Math.floor(ACTIVATIONS_AT_ONCE / F));
  const inOrder = Uint32Array.from(rows).sort();
  for (let from = 0; from < inOrder.length; from += batch) {
    signal?.throwIfAborted();
    const some = inOrder.subarray(from, from + batch);
    const f = await encodeRows(sae, activations, some);
    some.forEach((row, i) => {
      profiles.add(f.subarray(i * F, (i + 1) * F), profileOf(row));
    });
    onProgress({ done: from + some.length, total: inOrder.length, cached: false });
    await yieldToEvents();
  }
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
