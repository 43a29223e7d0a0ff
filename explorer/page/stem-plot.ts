/** Which features fire and how strongly: a stem for each, feature numbers across, activations up. */
import { ticks } from "./scale";

const SIZE = { height: 200, left: 52, right: 10, top: 10, bottom: 40 };

export interface Stems {
  features: ArrayLike<number>;
  activations: ArrayLike<number>;
  /** F: the axis goes to the last feature. */
  count: number;
  /** CSS pixels. */
  width: number;
}

export function stemPlot({ features, activations, count, width }: Stems): SVGSVGElement {
  const { height, left, right, top, bottom } = SIZE;
  const highest = Math.max(1e-6, ...Array.from(activations));
  const toX = (feature: number) => left + (feature / count) * (width - left - right);
  const toY = (value: number) => height - bottom - (value / (1.05 * highest)) * (height - top - bottom);
  const floor = toY(0);
  const plot = svg("svg", {
    class: "plot",
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Activations of the ${features.length} features that fire, of ${count}; the largest is ${highest.toPrecision(3)}, of feature ${features[0]}.`,
  });
  const text = (x: number, y: number, content: string, anchor: string, turn = "") => {
    const made = svg("text", { x, y, "text-anchor": anchor, ...(turn && { transform: turn }) });
    made.textContent = content;
    return made;
  };
  for (const value of ticks([0, 1.05 * highest], 4)) {
    const y = toY(value);
    plot.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y, y2: y }));
    plot.append(text(left - 6, y + 4, String(value), "end"));
  }
  for (const value of ticks([0, count], 6))
    plot.append(text(toX(value), floor + 16, String(value), "middle"));
  plot.append(text((left + width - right) / 2, height - 6, "feature (number)", "middle"));
  const middle = (top + floor) / 2;
  plot.append(text(14, middle, "activation (units)", "middle", `rotate(-90 14 ${middle})`));
  for (let i = 0; i < features.length; i++) {
    const x = toX(features[i]);
    const stem = svg("line", { class: "stem", x1: x, x2: x, y1: floor, y2: toY(activations[i]) });
    const title = svg("title", {});
    title.textContent = `feature ${features[i]}: ${activations[i].toPrecision(3)}`;
    stem.append(title);
    plot.append(stem);
  }
  plot.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: floor, y2: floor }));
  return plot;
}

function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
