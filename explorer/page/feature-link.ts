/** Links to features. */
import type { PageData } from "./data";
import { element } from "./dom";
import { pictureTile } from "./picture-tile";
import { START, writeHash } from "./state";

/** `open` goes to the feature without loading the page anew. */
export function linkTo(
  feature: number,
  open: (feature: number) => void,
  ...content: HTMLElement[]
): HTMLAnchorElement {
  const onclick = (event: Event) => {
    const { ctrlKey, metaKey, shiftKey } = event as MouseEvent;
    if (ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    open(feature);
  };
  return element("a", { class: "feature-link", href: writeHash({ ...START, feature }), onclick }, ...content);
}

/** A feature's strongest picture, its number and its description, or its label without one. */
export function featureLink(
  { manifest, columns }: PageData,
  feature: number,
  open: (feature: number) => void,
): HTMLAnchorElement {
  const label = columns.label[feature] < 0 ? "never fires" : manifest.labelNames[columns.label[feature]];
  const name = element(
    "span",
    { class: "name" },
    element("b", {}, String(feature)),
    element("span", { title: label }, columns.descriptionTexts[columns.description[feature]] ?? label),
  );
  return linkTo(feature, open, pictureTile(columns.picture[feature], 40, "", manifest), name);
}
