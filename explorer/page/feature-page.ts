/** What is known of one feature: description and notes, its pictures, how its activations are spread, and what it is near to. */
import { type FeatureChunk, MEASURES, type Measure, type Neurons } from "../format/page-format";
import { clusterNames } from "./clusters";
import { fileUrl, isHeld, type PageData } from "./data";
import { byId, element, number } from "./dom";
import { featureLink } from "./feature-link";
import { heatmapSwitch, partOf, sampledPictures, strongestPictures } from "./feature-pictures";
import { isLive } from "./live";
import { type NoteEditor, noteEditor } from "./note-editor";
import type { NoteStore } from "./notes";
import { cosinePlot, histogramPlot } from "./plot";

const LABELS = 8;

/** Draws feature `feature`, or nothing; `open` goes to another one, `close` back to the list. */
export function featurePage(
  data: PageData,
  notes: NoteStore,
  open: (feature: number) => void,
  close: () => void,
) {
  const place = byId("feature");
  let wanted: number | undefined;
  let editor: NoteEditor | undefined;
  notes.onChange((problem) => editor?.refresh(problem));
  return async (feature: number | undefined): Promise<void> => {
    if (wanted === feature) return;
    wanted = feature;
    if (feature === undefined) return place.replaceChildren();
    const view = { data, feature, open, close };
    if (!isHeld(data.manifest, feature)) {
      place.replaceChildren(head(view), element("p", {}, "This file does not hold this feature."));
      return;
    }
    const [chunk, neurons] = await Promise.all([
      data.chunk(Math.floor(feature / data.manifest.chunk)),
      data.neurons(),
    ]);
    // Another one may have been opened meanwhile.
    if (wanted !== feature) return;
    const automatic = data.columns.descriptionTexts[data.columns.description[feature]] ?? "";
    editor = noteEditor(notes, feature, automatic);
    place.replaceChildren(...sections(view, editor.fields, chunk, neurons));
    place.scrollTop = 0;
  };
}

interface FeatureView {
  data: PageData;
  feature: number;
  open: (feature: number) => void;
  close: () => void;
}

function head({ data: { manifest, columns }, feature, close }: FeatureView): HTMLElement {
  const label = columns.label[feature];
  return element(
    "div",
    { class: "head" },
    element("button", { type: "button", onclick: close, title: "Close (Escape)" }, "← All features"),
    element(
      "h2",
      {},
      `Feature ${feature}`,
      element("small", {}, label < 0 ? "" : manifest.labelNames[label]),
    ),
  );
}

function sections(
  view: FeatureView,
  fields: HTMLElement,
  chunk: FeatureChunk,
  neurons: Neurons,
): HTMLElement[] {
  const { data, feature } = view;
  const { manifest, columns } = data;
  const local = feature % manifest.chunk;
  const facts = element("dl", { class: "facts" });
  const fact = (title: string, value: string, unit: string) =>
    facts.append(
      element("div", {}, element("dt", {}, title), element("dd", {}, value, element("small", {}, unit))),
    );
  for (const measure of Object.keys(MEASURES) as Measure[]) {
    const { title, unit } = MEASURES[measure];
    fact(title, number(columns[measure][feature]), unit);
  }
  fact("cluster", clusterNames(columns)[columns.cluster[feature]], "");
  const section = (title: string, unit: string, ...content: (HTMLElement | SVGElement)[]) =>
    element("section", {}, element("h3", {}, title, element("small", {}, unit)), ...content);
  const described = section(
    "Description",
    "words of its pictures that CLIP finds most theirs",
    ...description(data, feature),
  );
  const kept = isLive ? "saved beside the page" : "kept in this browser";
  const editor = section("Your description and note", kept, fields);
  if (columns.picture[feature] < 0) {
    const text = `It fires on none of the ${manifest.measuredPictures.toLocaleString("en")} pictures.`;
    return [head(view), facts, element("p", {}, text), editor];
  }
  const made = columns.visualised[feature]
    ? section(
        "Made for it",
        "gradient ascent on its activation",
        element("img", {
          class: "made",
          src: fileUrl(`made/${feature}.webp`),
          alt: `Picture made to activate feature ${feature}`,
        }),
      )
    : undefined;
  const shares = labelShares(data, chunk, local);
  const lens = partOf(chunk.lens, local, manifest.lens);
  const lensCosines = partOf(chunk.lensCosines, local, manifest.lens);
  const names = Array.from(lens, (label, i) => ({
    name: manifest.labelNames[label],
    value: lensCosines[i],
    text: number(lensCosines[i]),
  }));
  return [
    head(view),
    facts,
    element("div", { class: "columns" }, described, editor, ...(made ? [made] : [])),
    section(
      "Strongest pictures",
      "activation, and label",
      ...(manifest.heatmaps > 0 ? [heatmapSwitch(byId("feature"))] : []),
      strongestPictures(data, chunk, local),
    ),
    section(
      "Pictures of every strength",
      "drawn at random from equal shares of the pictures on which it fires",
      sampledPictures(data, chunk, local),
    ),
    element(
      "div",
      { class: "columns" },
      section(
        "Activations",
        "pictures on which it fires",
        histogramPlot(partOf(chunk.histogram, local, manifest.bins), manifest),
      ),
      section(
        "MLP neurons",
        "cosine of the encoder vector with each neuron's output",
        cosinePlot(neuronCosines(partOf(chunk.encoder, local, manifest.width), neurons.vectors)),
      ),
      section(
        `Labels of its ${shares.pictures} strongest pictures`,
        "share of their activation, %",
        bars(shares.bars),
      ),
      section(
        "Nearest names by the logit lens",
        `cosine with “${manifest.prompt.replace("{}", "…")}”`,
        bars(names),
      ),
      section(
        "Nearest features",
        "cosine of decoder vectors",
        neighbours(
          view,
          partOf(chunk.neighbours, local, manifest.neighbours),
          partOf(chunk.neighbourCosines, local, manifest.neighbours),
        ),
      ),
      section(
        "Features that fire with it",
        "pictures with both over pictures with either",
        neighbours(
          view,
          partOf(chunk.coFiring, local, manifest.neighbours),
          partOf(chunk.coFiringShares, local, manifest.neighbours),
        ),
      ),
    ),
  ];
}

/** The automatic description and what its test says. */
function description({ columns }: PageData, feature: number): HTMLElement[] {
  const text = columns.descriptionTexts[columns.description[feature]];
  if (text === undefined) return [element("p", {}, "No word is shared by its pictures.")];
  const [score, shuffled] = [columns.descriptionScore[feature], columns.descriptionShuffled[feature]];
  const test = Number.isNaN(score)
    ? "Not tested by ablation."
    : `Score ${signed(score)}: by so much more does removing the feature lower the cosine of its pictures with “${text}” than removing random features does. With another feature's description: ${signed(shuffled)}.`;
  return [element("p", { class: "description" }, text), element("p", { class: "told" }, test)];
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

function labelShares({ manifest, pictures }: PageData, chunk: FeatureChunk, local: number) {
  const top = partOf(chunk.pictures, local, manifest.top).filter((picture) => picture >= 0);
  const activations = partOf(chunk.activations, local, manifest.top);
  const shares = new Map<number, number>();
  let total = 0;
  top.forEach((picture, i) => {
    total += activations[i];
    shares.set(pictures.label[picture], (shares.get(pictures.label[picture]) ?? 0) + activations[i]);
  });
  const largest = [...shares].sort((a, b) => b[1] - a[1]).slice(0, LABELS);
  return {
    pictures: top.length,
    bars: largest.map(([label, share]) => ({
      name: label < 0 ? "no label" : manifest.labelNames[label],
      value: share / total,
      text: `${Math.round((100 * share) / total)}%`,
    })),
  };
}

/** Cosines of a vector [D] with neurons [M·D], both in whole numbers. */
function neuronCosines(vector: Int8Array, neurons: Int8Array): Float32Array {
  const D = vector.length;
  const cosines = new Float32Array(neurons.length / D);
  for (let m = 0; m < cosines.length; m++) {
    let [product, own, other] = [0, 0, 0];
    for (let d = 0, at = m * D; d < D; d++, at++) {
      product += neurons[at] * vector[d];
      own += vector[d] * vector[d];
      other += neurons[at] * neurons[at];
    }
    cosines[m] = product / Math.sqrt(own * other) || 0;
  }
  return cosines;
}

function neighbours({ data, open }: FeatureView, features: Int32Array, values: Float32Array): HTMLElement {
  const list = element("ul", { class: "neighbours" });
  features.forEach((other, i) => {
    if (other < 0) return;
    const link = featureLink(data, other, open);
    link.append(element("span", { class: "value" }, number(values[i])));
    list.append(element("li", {}, link));
  });
  return list.childElementCount > 0 ? list : element("p", {}, "None fires with it on two pictures or more.");
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
