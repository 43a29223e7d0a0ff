/** Rounds of the post's game for the page, played by the machine guesser beforehand. */
import { playGuessing, type Study, strongestFeatures } from "../../lib/analysis";
import type { Game } from "../format/picture-format";

/** Features kept of a round's picture: more than fire on any but the oddest. */
const FIRING = 512;

export interface GameOptions {
  /** Default 200, so that a page holds some games of ten, and the machine's score has an error of two percent or so. */
  rounds?: number;
  /** Labels to choose from. Default 4. */
  choices?: number;
  /** Default 42. */
  seed?: number;
  onProgress?: (stage: string, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Plays; the pictures of the result are rows of the data set. Undefined where there are too few labels of two pictures or more for a choice. */
export async function playGame(
  { sae, originals, labels }: Pick<Study, "sae" | "originals" | "labels">,
  { rounds = 200, choices = 4, seed = 42, onProgress = () => {}, signal }: GameOptions = {},
): Promise<Game | undefined> {
  const counts = new Int32Array(labels.names.length);
  for (const label of labels.index) if (label >= 0) counts[label]++;
  if (counts.filter((count) => count >= 2).length < choices) return undefined;
  const played = await playGuessing({
    ...{ sae, rounds, choices, seed, signal },
    activations: originals,
    labels: labels.index,
    labelCount: labels.names.length,
    onProgress: ({ done, total }) => onProgress("guessing", done, total),
  });
  const starts = [0];
  const firing: { feature: number; activation: number }[] = [];
  for (const { picture } of played.rounds) {
    firing.push(...(await strongestFeatures(sae, originals, picture, FIRING)));
    starts.push(firing.length);
  }
  return {
    pictures: Int32Array.from(played.rounds, ({ picture }) => picture),
    truths: Int32Array.from(played.rounds, ({ truth }) => truth),
    guesses: Int32Array.from(played.rounds, ({ guess }) => guess),
    choices: Int32Array.from(played.rounds.flatMap((round) => round.choices)),
    choicesPerRound: choices,
    starts: Int32Array.from(starts),
    features: Int32Array.from(firing, ({ feature }) => feature),
    activations: Float32Array.from(firing, ({ activation }) => activation),
    accuracy: played.accuracy,
    error: played.error,
    chance: played.chance,
  };
}
