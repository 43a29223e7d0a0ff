/** The page's data about single pictures: in which features they are strong, and the rounds of the guessing game. No DOM and no Node here. Keys: R rounds, n pictures of a file. */

/** Pictures an appearances file. */
export const APPEARANCE_CHUNK = 4096;

/** `data/appearances-I.js`: features that have pictures I·APPEARANCE_CHUNK and on among their strongest, strongest first. */
export interface Appearances {
  /** Where each picture's begin, and the end of the last [n+1]. */
  starts: Int32Array;
  features: Int32Array;
  activations: Float32Array;
}

/** `data/game.js`: rounds of "guess the picture" from its features alone. */
export interface Game {
  /** The picture of each round [R]. */
  pictures: Int32Array;
  /** Its label, and the label that the machine guessed [R]. */
  truths: Int32Array;
  guesses: Int32Array;
  /** Labels to choose from, in the order shown [R·choicesPerRound]. */
  choices: Int32Array;
  choicesPerRound: number;
  /** Where each round's features begin, and the end of the last [R+1]. */
  starts: Int32Array;
  /** What fires on the picture, strongest first. */
  features: Int32Array;
  activations: Float32Array;
  /** Share of the R rounds that the machine won, and its standard error. */
  accuracy: number;
  error: number;
  /** Share that a blind guesser wins. */
  chance: number;
}

export const APPEARANCE_COLUMNS = ["starts", "features", "activations"] as const;
export const GAME_COLUMNS = [
  "pictures",
  "truths",
  "guesses",
  "choices",
  "starts",
  "features",
  "activations",
] as const;
