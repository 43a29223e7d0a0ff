/** What the page shows, as the address's hash: every state has a URL, and back and forward move between them. */
import { CLUSTERS, type Manifest, MEASURES, type Measure } from "../format/page-format";

/** The page's views, in the order of its tabs. */
export const VIEWS = {
  features: "Features",
  atlas: "Atlas",
  picture: "Picture",
  search: "Search",
  guess: "Guess",
} as const;

export type View = keyof typeof VIEWS;

/** Bounds of the map's selection: log10 density and log10 mean activation. */
export interface Box {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

export interface State {
  view: View;
  /** The feature that is open. */
  feature?: number;
  sort: Measure | "number";
  rising: boolean;
  /** Bounds of the measure that is sorted by: features beyond them are not listed. */
  least?: number;
  most?: number;
  /** Part of a label, of a description or of a note, or a feature's number. */
  text: string;
  /** Row of `CLUSTERS`, or of the label names, that is listed alone. */
  cluster?: number;
  label?: number;
  /** Only features whose label entropy is above 0. */
  mixed: boolean;
  /** What the atlas shows: its middle, from 0 to 1, and how often the whole fits across. */
  atlas?: { x: number; y: number; zoom: number };
  box?: Box;
  /** The picture that is looked at, by the page's number. */
  picture?: number;
  /** What is searched for. */
  words: string;
  /** Which game of ten rounds, from 1. */
  game?: number;
}

/** The atlas goes no nearer. */
export const DEEPEST_ZOOM = 4096;

export const START: State = {
  view: "features",
  sort: "number",
  rising: true,
  text: "",
  mixed: false,
  words: "",
};

/** What a hash says; whatever in it is not understood is left out. The manifest bounds the numbers. */
export function readHash(
  hash: string,
  { features, pictures, labelNames }: Pick<Manifest, "features" | "pictures" | "labelNames">,
): State {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const state: State = {
    ...START,
    text: parameters.get("text") ?? "",
    words: parameters.get("words") ?? "",
  };
  const view = parameters.get("view");
  if (view !== null && Object.hasOwn(VIEWS, view)) state.view = view as View;
  const below = (name: string, end: number) => {
    const text = parameters.get(name);
    return text !== null && /^\d{1,9}$/.test(text) && Number(text) < end ? Number(text) : undefined;
  };
  state.feature = below("feature", features);
  state.picture = below("picture", pictures);
  state.game = below("game", 1e9);
  state.cluster = below("cluster", CLUSTERS.length);
  state.label = below("label", labelNames.length);
  state.mixed = parameters.get("mixed") === "1";
  const [x, y, zoom] = parameters.get("atlas")?.split(",").map(Number) ?? [];
  if ([x, y].every((value) => value >= 0 && value <= 1) && zoom >= 1 && zoom <= DEEPEST_ZOOM) {
    state.atlas = { x, y, zoom };
  }
  const sort = parameters.get("sort");
  if (sort !== null && Object.hasOwn(MEASURES, sort)) state.sort = sort as Measure;
  state.rising = parameters.get("order") ? parameters.get("order") === "rising" : state.sort === "number";
  const bound = (name: string) => {
    const text = parameters.get(name);
    return state.sort !== "number" && text && Number.isFinite(Number(text)) ? Number(text) : undefined;
  };
  [state.least, state.most] = [bound("least"), bound("most")];
  const box = parameters.get("box")?.split(",").map(Number);
  if (box?.length === 4 && box.every(Number.isFinite)) {
    state.box = { left: box[0], right: box[1], bottom: box[2], top: box[3] };
  }
  return state;
}

/** The hash that `readHash` reads as `state`; what is as at the start is left out. */
export function writeHash(state: State): string {
  const { view, feature, sort, rising, least, most, text, box, picture, words, game } = state;
  const { cluster, label, mixed, atlas } = state;
  const parameters = new URLSearchParams();
  if (view !== "features") parameters.set("view", view);
  if (feature !== undefined) parameters.set("feature", String(feature));
  if (sort !== "number") parameters.set("sort", sort);
  if (rising !== (sort === "number")) parameters.set("order", rising ? "rising" : "falling");
  if (least !== undefined) parameters.set("least", String(least));
  if (most !== undefined) parameters.set("most", String(most));
  if (text !== "") parameters.set("text", text);
  if (cluster !== undefined) parameters.set("cluster", String(cluster));
  if (label !== undefined) parameters.set("label", String(label));
  if (mixed) parameters.set("mixed", "1");
  if (atlas) {
    parameters.set(
      "atlas",
      [atlas.x, atlas.y, atlas.zoom].map((value) => Number(value.toFixed(7))).join(","),
    );
  }
  if (box) {
    parameters.set("box", [box.left, box.right, box.bottom, box.top].map((v) => v.toFixed(3)).join(","));
  }
  if (picture !== undefined) parameters.set("picture", String(picture));
  if (words !== "") parameters.set("words", words);
  if (game !== undefined) parameters.set("game", String(game));
  return `#${parameters}`;
}
