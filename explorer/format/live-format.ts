/** What the page asks a live server and what it is answered, as JSON. No DOM and no Node here, both sides import it. Keys: F features, C label names, N patches. */

/** Name of the `<meta>` in a page that a live server gave out. */
export const LIVE_MARK = "vitrine-live";

/** Bounds of requests. */
export const LIMITS = {
  /** Of an uploaded picture's file. */
  pictureBytes: 16 * 2 ** 20,
  /** Of an uploaded picture, decoded: a small file may hold a huge one. */
  picturePixels: 50e6,
  /** Strongest features that are told of a picture. */
  features: 48,
  /** Characters of a search. */
  words: 200,
  /** Features found by a search. */
  found: 100,
  /** Bytes of a list of factors. */
  editBytes: 64 * 1024,
} as const;

/** `POST api/picture` with a file as body, or `POST api/picture?picture=N` for one of the page's. */
export interface LivePicture {
  /** By which later requests name it. */
  id: string;
  /** As the model sees it: a PNG as data URL. */
  image: string;
  /** How many features fire on it. */
  active: number;
  /** The strongest of them, strongest first; at most `LIMITS.features`. */
  features: { feature: number; activation: number }[];
  /** Zero-shot probability of each label name [C]. */
  original: number[];
  /** The same with the SAE's reconstruction in the place of the class token [C]. */
  spliced: number[];
}

/** `POST api/heatmaps?id=ID`: where on the picture its features fire, in the order of `LivePicture.features`. */
export interface LiveHeatmaps {
  /** Patches in a row. */
  side: number;
  /** Activation lost when a window of patches is covered, row by row: one [N] a feature. */
  drops: number[][];
}

/** `POST api/edit?id=ID` with `{"factors": [[feature, factor], …]}`: the features' activations are multiplied. */
export interface LiveEdit {
  /** Zero-shot probability of each label name then [C]. */
  probabilities: number[];
}

/** `GET api/search?text=WORDS` */
export interface LiveSearch {
  /** The text whose embedding was compared. */
  text: string;
  /** Features, nearest first; at most `LIMITS.found`. */
  features: number[];
  /** Mean cosine of their strongest pictures' embeddings with the text's. */
  similarities: number[];
}

/** Any answer that is not 200. */
export interface LiveError {
  /** `where: expected X, got Y (do Z)` */
  error: string;
}
