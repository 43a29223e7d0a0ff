/** What is known of one feature: its strongest pictures, their labels, its neighbours, the names it is near. */
import { type FeatureChunk, MEASURES, type Measure } from "../format";
import type { PageData } from "./data";
import { byId, element, number } from "./dom";
import { pictureTile } from "./picture-tile";

/** Pictures shown; all that are kept count for the labels. */
const SHOWN = 16;
const LABELS = 8;

/** Draws feature `feature`, or nothing; `open` goes to another one, `close` back to the list. */
export function featurePage(data: PageData, open: (feature: number) => void, close: () => void) {
  const place = byId("feature");
  let wanted: number | undefined;
  return async (feature: number | undefined): Promise<void> => {
    if (wanted === feature) return;
    wanted = feature;
    if (feature === undefined) return place.replaceChildren();
    const chunk = await data.chunk(Math.floor(feature / data.manifest.chunk));
    // Another one may have been opened meanwhile.
    if (wanted !== feature) return;
    place.replaceChildren(...sections(data, chunk, feature, open, close));
    place.scrollTop = 0;
  };
}

function sections(
  data: PageData,
  chunk: FeatureChunk,
  feature: number,
  open: (feature: number) => void,
  close: () => void,
): HTMLElement[] {
  const { manifest, columns, pictures } = data;
  const local = feature % manifest.chunk;
  const part = <T extends Int32Array | Float32Array>(column: T, width: number) =>
    column.subarray(local * width, (local + 1) * width) as T;
  const top = part(chunk.pictures, manifest.top).filter((picture) => picture >= 0);
  const activations = part(chunk.activations, manifest.top);
  const nameOf = (label: number) => (label < 0 ? "no label" : manifest.labelNames[label]);

  const head = element(
    "div",
    { class: "head" },
    element("button", { type: "button", onclick: close, title: "Close (Escape)" }, "← All features"),
    element(
      "h2",
      {},
      `Feature ${feature}`,
      element("small", {}, columns.label[feature] < 0 ? "" : nameOf(columns.label[feature])),
    ),
  );
  const facts = element("dl", { class: "facts" });
  for (const measure of Object.keys(MEASURES) as Measure[]) {
    const { title, unit } = MEASURES[measure];
    facts.append(
      element(
        "div",
        {},
        element("dt", {}, title),
        element("dd", {}, number(columns[measure][feature]), element("small", {}, unit)),
      ),
    );
  }
  if (top.length === 0) {
    return [
      head,
      facts,
      element("p", {}, `It fires on none of the ${manifest.measuredPictures.toLocaleString("en")} pictures.`),
    ];
  }
  const shown = element("ul", { class: "pictures" });
  top.subarray(0, SHOWN).forEach((picture, i) => {
    const caption = pictures.captions[picture];
    shown.append(
      element(
        "li",
        { title: caption },
        pictureTile(picture, 88, caption, manifest),
        element("b", {}, number(activations[i])),
        element("span", {}, nameOf(pictures.label[picture])),
      ),
    );
  });

  const shares = new Map<number, number>();
  let total = 0;
  top.forEach((picture, i) => {
    total += activations[i];
    shares.set(pictures.label[picture], (shares.get(pictures.label[picture]) ?? 0) + activations[i]);
  });
  const labels = [...shares].sort((a, b) => b[1] - a[1]).slice(0, LABELS);
  const lens = Array.from(part(chunk.lens, manifest.lens), (label, i) => ({
    label,
    cosine: part(chunk.lensCosines, manifest.lens)[i],
  }));
  const neighbours = element("ul", { class: "neighbours" });
  part(chunk.neighbours, manifest.neighbours).forEach((other, i) => {
    if (other < 0) return;
    const label = columns.label[other] < 0 ? "never fires" : nameOf(columns.label[other]);
    const cosine = part(chunk.neighbourCosines, manifest.neighbours)[i];
    neighbours.append(
      element(
        "li",
        {},
        element(
          "a",
          {
            href: `#feature=${other}`,
            onclick: (event) => {
              event.preventDefault();
              open(other);
            },
          },
          pictureTile(columns.picture[other], 40, "", manifest),
          element("span", { class: "name" }, element("b", {}, String(other)), element("span", {}, label)),
          element("span", { class: "value" }, number(cosine)),
        ),
      ),
    );
  });
  const section = (title: string, unit: string, ...content: HTMLElement[]) =>
    element("section", {}, element("h3", {}, title, element("small", {}, unit)), ...content);
  return [
    head,
    facts,
    section("Strongest pictures", "activation, and label", shown),
    element(
      "div",
      { class: "columns" },
      section(
        `Labels of its ${top.length} strongest pictures`,
        "share of their activation, %",
        bars(
          labels.map(([label, share]) => ({
            name: nameOf(label),
            value: share / total,
            text: `${Math.round((100 * share) / total)}%`,
          })),
        ),
      ),
      section(
        "Nearest names by the logit lens",
        `cosine with “${manifest.prompt.replace("{}", "…")}”`,
        bars(lens.map(({ label, cosine }) => ({ name: nameOf(label), value: cosine, text: number(cosine) }))),
      ),
      section("Nearest features", "cosine of decoder vectors", neighbours),
    ),
  ];
}

/** Horizontal bars from 0 to 1, each with its name and value. */
function bars(values: readonly { name: string; value: number; text: string }[]): HTMLElement {
  const list = element("ul", { class: "bars" });
  for (const { name, value, text } of values) {
    const bar = element("i");
    bar.style.width = `${100 * Math.min(1, Math.max(0, value))}%`;
    list.append(
      element("li", {}, element("span", {}, name), element("span", {}, text), element("div", {}, bar)),
    );
  }
  return list;
}
