/** Words to features: live, by CLIP's similarity of their strongest pictures with the words; from a folder, by the words of labels. */
import { LIMITS, type LiveSearch } from "../format/live-format";
import type { PageData } from "./data";
import { element, number } from "./dom";
import { featureLink } from "./feature-link";
import { ask, isLive, LIVE_COMMAND, messageOf, newest } from "./live";
import type { State } from "./state";
import type { ShownView } from "./view";

/** Milliseconds after the last letter. */
const REST = 200;

export function textSearch(
  place: HTMLElement,
  data: PageData,
  change: (part: Partial<State>) => void,
): ShownView {
  place.classList.add("sheet");
  const input = element("input", {
    type: "search",
    maxlength: LIMITS.words,
    placeholder: "words, as: red heart",
    "aria-label": "Words to search features by",
    oninput: () => change({ words: input.value }),
  });
  const told = element("p", { class: "told", role: "status" });
  const list = element("ol", { class: "found" });
  place.append(element("div", { class: "head" }, element("h2", {}, "Search by words")), input, told, list);
  const latest = newest(isLive ? REST : 0);
  const show = (features: readonly number[], value: (i: number) => string) =>
    list.replaceChildren(
      ...features.map((feature, i) => {
        const link = featureLink(data, feature, (chosen) => change({ view: "features", feature: chosen }));
        link.append(element("span", { class: "value" }, value(i)));
        return element("li", { "data-feature": feature }, link);
      }),
    );
  let shown: string | undefined;
  return {
    show({ words }) {
      if (input.value !== words) input.value = words;
      if (shown === words) return;
      shown = words;
      latest(
        async (signal) => {
          const wanted = words.trim();
          if (wanted === "") {
            list.replaceChildren();
            told.textContent = isLive
              ? "Features are ranked by the similarity of their strongest pictures to the words."
              : `Words are looked for in labels and descriptions. Similarity to any words needs the live server: ${LIVE_COMMAND}`;
          } else if (isLive) {
            const query = new URLSearchParams({ text: wanted });
            const found = await ask<LiveSearch>(`search?${query}`, { signal });
            told.textContent = `Mean cosine of their strongest pictures with “${found.text}”`;
            show(found.features, (i) => number(found.similarities[i]));
          } else {
            const found = withWords(data, wanted);
            told.textContent = `${found.length.toLocaleString("en")} features with these words in their label or description; others need ${LIVE_COMMAND}`;
            show(found.slice(0, LIMITS.found), () => "");
          }
        },
        (error) => {
          list.replaceChildren();
          told.textContent = messageOf(error);
        },
      );
    },
  };
}

/** Features whose label or description has all of the words, those that fire most strongly first. */
function withWords({ manifest, columns }: PageData, words: string): number[] {
  const wanted = words.toLowerCase().split(/\s+/);
  const all = (text: string) => wanted.every((word) => text.toLowerCase().includes(word));
  const has = manifest.labelNames.map(all);
  const described = columns.descriptionTexts.map(all);
  const found: number[] = [];
  for (let feature = 0; feature < manifest.features; feature++)
    if (has[columns.label[feature]] || described[columns.description[feature]]) found.push(feature);
  return found.sort((a, b) => columns.meanActivation[b] - columns.meanActivation[a]);
}
