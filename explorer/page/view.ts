/** The page's tabs: each view is made in a section of its own when it is first shown. */
import type { PageData } from "./data";
import { byId, element } from "./dom";
import { type State, VIEWS, type View, writeHash } from "./state";

/** A view that is shown; told the state at every change of it while it is. */
export interface ShownView {
  show(state: State): void;
}

/** Makes a view in `place`, an empty section; `change` changes the state, and so the address. */
export type MakeView = (
  place: HTMLElement,
  data: PageData,
  change: (part: Partial<State>) => void,
) => ShownView;

/** Shows the view that the state names, and a tab for each of `views`. Views that are not there show the features. */
export function tabs(
  views: Partial<Record<View, MakeView>>,
  data: PageData,
  change: (part: Partial<State>) => void,
): (state: State) => void {
  const made = new Map<View, { place: HTMLElement; view: ShownView }>();
  const names = (Object.keys(VIEWS) as View[]).filter((name) => name === "features" || views[name]);
  const links = names.map((name) =>
    element(
      "a",
      {
        class: "tab",
        onclick: (event) => {
          event.preventDefault();
          change({ view: name });
        },
      },
      VIEWS[name],
    ),
  );
  if (names.length > 1) byId("tabs").append(...links);
  return (state) => {
    const make = views[state.view];
    const shown = make ? state.view : "features";
    if (make && !made.has(shown)) {
      const place = element("section", { id: shown, class: "view", "aria-label": VIEWS[shown] });
      byId("features").parentElement?.append(place);
      made.set(shown, { place, view: make(place, data, change) });
    }
    names.forEach((name, i) => {
      links[i].href = writeHash({ ...state, view: name });
      if (name === shown) links[i].setAttribute("aria-current", "page");
      else links[i].removeAttribute("aria-current");
    });
    byId("features").hidden = shown !== "features";
    for (const [name, { place }] of made) place.hidden = name !== shown;
    made.get(shown)?.view.show(state);
  };
}
