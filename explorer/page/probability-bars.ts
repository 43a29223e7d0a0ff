/** Probabilities of the likeliest names as bars, one under the other for each of some answers. */
import { element } from "./dom";

const NAMES = 5;

export interface Answer {
  name: string;
  /** Of each label name [C], 0 to 1. */
  values: readonly number[];
}

/** The names that are likeliest in any of the answers, in the order of the first. */
export function probabilityBars(labelNames: readonly string[], answers: readonly Answer[]): HTMLElement {
  const best = (label: number) => Math.max(...answers.map(({ values }) => values[label]));
  const chosen = labelNames
    .map((_, label) => label)
    .sort((a, b) => best(b) - best(a))
    .slice(0, NAMES)
    .sort((a, b) => answers[0].values[b] - answers[0].values[a]);
  const legend = element("p", { class: "answers-legend" });
  answers.forEach(({ name }, i) => {
    legend.append(element("span", { class: `answer-${i}` }, element("i"), name));
  });
  const rows = chosen.map((label) => {
    const bars = answers.map(({ name, values }, i) => {
      const bar = element("i");
      bar.style.width = `${100 * values[label]}%`;
      const percent = `${(100 * values[label]).toFixed(1)}%`;
      const line = { class: `answer-${i}`, "aria-label": `${name}: ${percent}` };
      return element(
        "div",
        line,
        element("div", {}, bar),
        element("span", { "aria-hidden": "true" }, percent),
      );
    });
    return element("li", {}, element("span", {}, labelNames[label].replace(/[-_]/g, " ")), ...bars);
  });
  const axis = element("div", { class: "axis", "aria-hidden": "true" });
  for (const percent of [0, 50, 100]) axis.append(element("span", {}, `${percent}%`));
  return element("div", { class: "answers" }, legend, element("ul", {}, ...rows), axis);
}
