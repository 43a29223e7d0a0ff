/** Starts the page: data, then what the address says; every change goes through the address. */
import { atlasView } from "./atlas";
import { loadData, type PageData } from "./data";
import { byId, nextFrame } from "./dom";
import { featurePage } from "./feature-page";
import { strongestSeen } from "./feature-pictures";
import { guessGame } from "./guess-game";
import { type FeatureMap, featureMap } from "./map";
import { type Navigator, navigator } from "./navigator";
import { noteStore } from "./notes";
import { picturePage } from "./picture-page";
import { listed } from "./selection";
import { readHash, type State, type View, writeHash } from "./state";
import { textSearch } from "./text-search";
import { type MakeView, tabs } from "./view";

/** The views beside the features, a line each. */
const VIEWS: Partial<Record<View, MakeView>> = {
  atlas: atlasView,
  picture: picturePage,
  search: textSearch,
  guess: guessGame,
};

/** What changes by and by. */
const CONTINUOUS: readonly (keyof State)[] = ["text", "words", "atlas", "least", "most"];

function start(data: PageData): void {
  const { manifest, columns } = data;
  document.title = `${manifest.title}: features`;
  byId("title").textContent = manifest.title;
  byId("about").textContent =
    `${manifest.features.toLocaleString("en")} features (${manifest.architecture}) of ${manifest.model}, ${manifest.hookPoint}, over ${manifest.measuredPictures.toLocaleString("en")} pictures of ${manifest.dataset}`;
  let state: State;
  let order: Int32Array = new Int32Array();

  /** Typing and moving replace the address instead of adding to the history: one step back leaves the word, not a letter. */
  const change = (part: Partial<State>) => {
    const hash = writeHash({ ...state, ...part });
    if (hash === writeHash(state)) return;
    if (Object.keys(part).every((name) => CONTINUOUS.includes(name as keyof State)))
      history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
    show();
  };
  const notes = noteStore(manifest);
  const page = featurePage(
    data,
    notes,
    (feature) => change({ feature }),
    () => change({ feature: undefined }),
  );
  const showTab = tabs(manifest.shared ? {} : VIEWS, data, change);
  let panels: { list: Navigator; map: FeatureMap } | undefined;
  /** List and map, which take longest to draw: made when they are first wanted. */
  const around = () => {
    if (!panels) {
      order = listed(state, columns, manifest, notes);
      panels = { list: navigator(data, notes, change), map: featureMap(data, change) };
      panels.list.show(state, order);
      panels.map.show(state, order);
    }
    return panels;
  };
  const show = () => {
    const next = readHash(location.hash, manifest);
    const { feature } = next;
    const before = state as State | undefined;
    state = next;
    document.body.classList.toggle("open", feature !== undefined);
    const drawn = page(feature).catch(fail);
    showTab(state);
    // A page that is opened at a feature shows the feature first.
    if (!before && feature !== undefined)
      return void drawn.then(nextFrame).then(strongestSeen).then(around).catch(fail);
    if (!before || !panels) return void around();
    if (listing(before) !== listing(next)) order = listed(next, columns, manifest, notes);
    panels.list.show(next, order);
    panels.map.show(next, order);
  };
  const step = (by: number) => {
    around();
    if (order.length === 0) return;
    const place = state.feature === undefined ? -1 : order.indexOf(state.feature);
    const next = place < 0 ? 0 : Math.min(order.length - 1, Math.max(0, place + by));
    change({ feature: order[next] });
  };
  const keys: Record<string, () => unknown> = {
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    r: () => around().list.openRandom(),
    "/": () => around().list.focusFilter(),
    Home: () => order.length > 0 && change({ feature: order[0] }),
    End: () => order.length > 0 && change({ feature: order[order.length - 1] }),
    Escape: () => change({ feature: undefined }),
  };
  window.addEventListener("keydown", (event) => {
    const typing = (event.target as Element).matches("input:not([type=checkbox]), select, textarea");
    if (state.view !== "features") return;
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    if (typing && event.key !== "Escape") return;
    event.preventDefault();
    if (typing) (event.target as HTMLElement).blur();
    else keys[event.key]();
  });
  // Emitted by back, forward and an edited address alike.
  window.addEventListener("popstate", show);
  show();
}

/** What the list's order depends on. */
function listing({ sort, rising, least, most, text, box, cluster, label, mixed }: State): string {
  return JSON.stringify([sort, rising, least, most, text, box, cluster, label, mixed]);
}

function fail(error: unknown): void {
  byId("about").textContent = error instanceof Error ? error.message : String(error);
}

loadData((manifest) => readHash(location.hash, manifest).feature)
  .then(start)
  .catch(fail);
