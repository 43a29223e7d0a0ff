/** Which features fire and how strongly: a stem for each, feature numbers across, activations up. */
import { number } from "./dom";
import { plot, svgElement } from "./plot";

/** What fires, strongest first; `count` features in all. */
export function stemPlot(
  features: ArrayLike<number>,
  activations: ArrayLike<number>,
  count: number,
): SVGElement {
  const most = activations.length > 0 ? activations[0] : 1;
  const largest = activations.length > 0 ? `; the largest is ${number(most)}, of feature ${features[0]}` : "";
  const { svg, x, y } = plot(
    `Activations of the ${features.length} features that fire, of ${count}${largest}`,
    { title: "feature (number)", range: [0, count] },
    { title: "activation (units)", range: [0, 1.05 * most] },
  );
  for (let i = 0; i < features.length; i++) {
    const at = x(features[i]);
    const stem = svgElement("line", { class: "stem", x1: at, x2: at, y1: y(0), y2: y(activations[i]) });
    stem.append(svgElement("title", {}, `feature ${features[i]}: ${number(activations[i])}`));
    svg.append(stem);
  }
  return svg;
}
