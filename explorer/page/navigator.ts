/** The list of features: as long as there are features, but only what is seen is in the document. */
import { MEASURES } from "../format/page-format";
import { clusterNames } from "./clusters";
import type { PageData } from "./data";
import { byId, element, number, oncePerFrame } from "./dom";
import type { NoteStore } from "./notes";
import { pictureTile } from "./picture-tile";
import type { State } from "./state";

/** Height of a row, CSS pixels; page.css has the same. */
const ROW = 48;
/** A list that moves by more rows in a frame shows pictures when it rests: nobody sees them before, and each is a sheet to decode. */
const FLYING = 4;
/** Milliseconds without a movement that are rest. */
const REST = 80;

export interface Navigator {
  show(state: State, order: Int32Array): void;
  focusFilter(): void;
  /** Opens any feature of the list. */
  openRandom(): void;
}

export function navigator(
  { manifest, columns }: PageData,
  notes: NoteStore,
  change: (part: Partial<State>) => void,
): Navigator {
  const filter = element("input", {
    type: "search",
    placeholder: `Filter by ${manifest.label}, words or number`,
    "aria-label": `Filter by ${manifest.label}, words of descriptions and notes, or number`,
    oninput: () => change({ text: filter.value }),
  });
  const sort = element(
    "select",
    { "aria-label": "Sort by", onchange: () => change(sortOf(sort.value)) },
    element("option", { value: "number" }, "number"),
    ...Object.entries(MEASURES).map(([name, { title }]) => element("option", { value: name }, title)),
  );
  const direction = element("button", { type: "button", onclick: () => change({ rising: !state.rising }) });
  const random = element(
    "button",
    { type: "button", title: "A random feature of the list (r)", onclick: () => openRandom() },
    "Random",
  );
  const cluster = element(
    "select",
    { "aria-label": "Cluster", onchange: () => change({ cluster: numberOf(cluster.value) }) },
    element("option", { value: "" }, "all clusters"),
    ...clusterNames(columns).map((name, i) => element("option", { value: i }, name)),
  );
  const carried = new Set(columns.label);
  const label = element(
    "select",
    { "aria-label": `Label: ${manifest.label}`, onchange: () => change({ label: numberOf(label.value) }) },
    element("option", { value: "" }, "all labels"),
    ...[...manifest.labelNames.keys()]
      .filter((i) => carried.has(i))
      .sort((a, b) => manifest.labelNames[a].localeCompare(manifest.labelNames[b]))
      .map((i) => element("option", { value: i }, manifest.labelNames[i])),
  );
  const bound = (name: "least" | "most", word: string): HTMLInputElement => {
    const input = element("input", {
      type: "number",
      step: "any",
      placeholder: word,
      "aria-label": `${word} of the measure sorted by`,
      oninput: () => change({ [name]: numberOf(input.value) }),
    });
    return input;
  };
  const bounds = { least: bound("least", "at least"), most: bound("most", "at most") };
  const between = element("div", { class: "pair" }, bounds.least, bounds.most);
  const mixed = element("input", { type: "checkbox", onchange: () => change({ mixed: mixed.checked }) });
  const unselect = element(
    "button",
    { type: "button", class: "chip", onclick: () => change({ box: undefined }) },
    "Selection on the map ✕",
  );
  const count = element("p", { class: "count", role: "status" });
  const rows = element("div", { class: "rows" });
  const list = element(
    "div",
    { class: "list", tabindex: "0", role: "listbox", "aria-label": "Features" },
    rows,
  );
  byId("navigator").append(
    element(
      "div",
      { class: "controls" },
      filter,
      element("div", { class: "line" }, sort, direction, random),
      between,
      element("div", { class: "pair" }, cluster, label),
      element("label", { class: "switch" }, mixed, "label entropy above 0"),
      unselect,
      count,
    ),
    list,
  );

  let state: State;
  let order: Int32Array = new Int32Array();
  const openRandom = () => {
    if (order.length > 0) change({ feature: order[Math.floor(Math.random() * order.length)] });
  };
  /** Rows in the document, by place. */
  const drawn = new Map<number, HTMLElement>();
  let [top, isFlying, resting] = [0, false, 0];
  /** Adds rows that came into view and takes out those that left it: the others stay, with their pictures. */
  const draw = () => {
    const wasFlying = isFlying;
    isFlying = Math.abs(list.scrollTop - top) > FLYING * ROW;
    top = list.scrollTop;
    clearTimeout(resting);
    if (isFlying) resting = setTimeout(draw, REST);
    else if (wasFlying) clear();
    const first = Math.max(0, Math.floor(top / ROW) - 4);
    const last = Math.min(order.length, Math.ceil((top + list.clientHeight) / ROW) + 4);
    for (const [place, made] of drawn) {
      if (place >= first && place < last) continue;
      made.remove();
      drawn.delete(place);
    }
    for (let place = first; place < last; place++) {
      if (drawn.has(place)) continue;
      const made = row(order[place], place);
      const above = drawn.get(place - 1);
      if (above) above.after(made);
      else rows.prepend(made);
      drawn.set(place, made);
    }
  };
  const clear = () => {
    rows.replaceChildren();
    drawn.clear();
  };
  const drawAnew = () => {
    clear();
    // To a place that was not scrolled to.
    top = list.scrollTop;
    draw();
  };
  const row = (feature: number, place: number): HTMLElement => {
    const name = columns.label[feature] < 0 ? "never fires" : manifest.labelNames[columns.label[feature]];
    const text = notes.of(feature).description ?? columns.descriptionTexts[columns.description[feature]];
    const shown = state.sort === "number" ? "density" : state.sort;
    const made = element(
      "a",
      {
        class: "row",
        role: "option",
        href: `#feature=${feature}`,
        id: `row-${feature}`,
        "data-feature": feature,
        tabindex: "-1",
        "aria-selected": String(feature === state.feature),
        onclick: (event) => {
          event.preventDefault();
          change({ feature });
        },
      },
      pictureTile(isFlying ? -1 : columns.picture[feature], 40, "", manifest),
      element(
        "span",
        { class: "name" },
        element("b", {}, String(feature)),
        element("span", { title: name }, text ?? name),
      ),
      element(
        "span",
        { class: "value", title: `${MEASURES[shown].title} (${MEASURES[shown].unit})` },
        number(columns[shown][feature]),
      ),
    );
    made.style.top = `${place * ROW}px`;
    return made;
  };
  const drawSoon = oncePerFrame(draw);
  notes.onChange(oncePerFrame(drawAnew));
  list.addEventListener("scroll", drawSoon, { passive: true });
  new ResizeObserver(drawSoon).observe(list);
  return {
    show(next, nextOrder) {
      const moved = state?.feature !== next.feature || order !== nextOrder;
      [state, order] = [next, nextOrder];
      if (filter.value !== next.text) filter.value = next.text;
      sort.value = next.sort;
      between.hidden = next.sort === "number";
      for (const name of ["least", "most"] as const) {
        // What is being typed is left as it is: "0." is no number yet.
        const input = bounds[name];
        if (input !== document.activeElement) input.value = String(next[name] ?? "");
      }
      cluster.value = String(next.cluster ?? "");
      label.value = String(next.label ?? "");
      mixed.checked = next.mixed;
      if (next.feature === undefined) list.removeAttribute("aria-activedescendant");
      else list.setAttribute("aria-activedescendant", `row-${next.feature}`);
      direction.textContent = next.rising ? "↑" : "↓";
      direction.title = next.rising ? "Rising; press for falling" : "Falling; press for rising";
      direction.setAttribute("aria-label", direction.title);
      unselect.hidden = !next.box;
      const shown = MEASURES[next.sort === "number" ? "density" : next.sort];
      count.textContent = `${order.length.toLocaleString("en")} of ${manifest.features.toLocaleString("en")} features · ${shown.title} (${shown.unit})`;
      rows.style.height = `${order.length * ROW}px`;
      const place = next.feature === undefined ? -1 : order.indexOf(next.feature);
      if (moved && place >= 0) {
        const [above, below] = [place * ROW, (place + 1) * ROW - list.clientHeight];
        if (list.scrollTop > above || list.scrollTop < below)
          list.scrollTop = Math.max(0, above - list.clientHeight / 3);
      }
      drawAnew();
    },
    focusFilter: () => filter.focus(),
    openRandom,
  };
}

function numberOf(value: string): number | undefined {
  return value === "" ? undefined : Number(value);
}

/** Numbers are sorted rising at first, measurements falling: the large ones are looked for. */
function sortOf(value: string): Pick<State, "sort" | "rising" | "least" | "most"> {
  return {
    sort: value as State["sort"],
    rising: value === "number",
    least: undefined,
    most: undefined,
  };
}
