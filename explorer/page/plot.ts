/** Small plots as SVG: axes with titles and units, text as text nodes. */
import { number } from "./dom";
import { ticks } from "./scale";

const [WIDTH, HEIGHT] = [440, 200];
const MARGIN = { left: 50, right: 12, top: 8, bottom: 38 };

export interface Axis {
  /** With unit. */
  title: string;
  range: readonly [number, number];
  /** Where ticks are, and what they say. Default: round numbers. */
  marks?: readonly { at: number; text: string }[];
}

export interface Plot {
  svg: SVGElement;
  /** Values to places in the SVG. */
  x(value: number): number;
  y(value: number): number;
}

/** Element of SVG. */
export function svgElement(
  tag: string,
  attributes: Record<string, string | number>,
  text?: string,
): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** An empty plot; `label` says to those who cannot see it what it shows. */
export function plot(label: string, across: Axis, up: Axis): Plot {
  const svg = svgElement("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: "plot",
    role: "img",
    "aria-label": label,
  });
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  const place = (value: number, [low, high]: readonly [number, number], from: number, to: number) =>
    from + ((value - low) / (high - low)) * (to - from);
  const x = (value: number) => place(value, across.range, MARGIN.left, right);
  const y = (value: number) => place(value, up.range, bottom, MARGIN.top);
  const marksOf = (axis: Axis, count: number) =>
    axis.marks ?? ticks(axis.range, count).map((at) => ({ at, text: tickText(at) }));
  for (const { at, text } of marksOf(across, 6)) {
    svg.append(
      svgElement("line", { x1: x(at), x2: x(at), y1: MARGIN.top, y2: bottom, class: "grid" }),
      svgElement("text", { x: x(at), y: bottom + 14, "text-anchor": "middle" }, text),
    );
  }
  for (const { at, text } of marksOf(up, 4)) {
    svg.append(
      svgElement("line", { x1: MARGIN.left, x2: right, y1: y(at), y2: y(at), class: "grid" }),
      svgElement("text", { x: MARGIN.left - 5, y: y(at) + 4, "text-anchor": "end" }, text),
    );
  }
  const middle = (MARGIN.top + bottom) / 2;
  svg.append(
    svgElement(
      "text",
      { x: (MARGIN.left + right) / 2, y: HEIGHT - 6, "text-anchor": "middle" },
      across.title,
    ),
    svgElement(
      "text",
      { x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` },
      up.title,
    ),
  );
  return { svg, x, y };
}

/** How often each bin was met; edge i of the bins is 2^(log2Low + i / perOctave). */
export function histogramPlot(
  counts: ArrayLike<number>,
  { log2Low, perOctave }: { log2Low: number; perOctave: number },
): SVGElement {
  const edge = (i: number) => log2Low + i / perOctave;
  const most = Math.max(1, ...Array.from(counts));
  // Whole octaves, at most eight of them.
  const [first, last] = [Math.ceil(edge(0)), Math.floor(edge(counts.length))];
  const step = Math.ceil((last - first + 1) / 8);
  const marks = [];
  for (let octave = first; octave <= last; octave += step)
    marks.push({ at: octave, text: octave < 0 ? `1/${2 ** -octave}` : String(2 ** octave) });
  const { svg, x, y } = plot(
    `Histogram of the activations: most pictures, ${most}, between ${bounds(counts, most, edge)}`,
    { title: "activation (units, logarithmic)", range: [edge(0), edge(counts.length)], marks },
    { title: "pictures", range: [0, most * 1.05] },
  );
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    const bar = svgElement("rect", {
      x: x(edge(i)) + 0.5,
      width: Math.max(0.5, x(edge(i + 1)) - x(edge(i)) - 1),
      y: y(counts[i]),
      height: y(0) - y(counts[i]),
      class: "bar",
    });
    bar.append(
      svgElement(
        "title",
        {},
        `${number(2 ** edge(i))} to ${number(2 ** edge(i + 1))}: ${counts[i]} pictures`,
      ),
    );
    svg.append(bar);
  }
  return svg;
}

/** Values [M] by number, the largest marked. */
export function cosinePlot(values: Float32Array): SVGElement {
  let best = 0;
  let low = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] > values[best]) best = i;
    low = Math.min(low, values[i]);
  }
  const { svg, x, y } = plot(
    `Cosine with each of ${values.length} neurons: largest ${number(values[best])}, with neuron ${best}`,
    { title: "neuron of the block's MLP (number)", range: [0, Math.max(1, values.length - 1)] },
    { title: "cosine", range: [low * 1.1 - 0.02, Math.max(0.1, values[best] * 1.15)] },
  );
  const points = Array.from(values, (value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  const right = best > values.length / 2;
  svg.append(
    svgElement("polyline", { points: points.join(" "), class: "line" }),
    svgElement("circle", { cx: x(best), cy: y(values[best]), r: 3, class: "mark" }),
    svgElement(
      "text",
      {
        x: x(best) + (right ? -7 : 7),
        y: y(values[best]) + 4,
        "text-anchor": right ? "end" : "start",
        class: "said",
      },
      `neuron ${best}: ${number(values[best])}`,
    ),
  );
  return svg;
}

function bounds(counts: ArrayLike<number>, most: number, edge: (i: number) => number): string {
  const i = Array.from(counts).indexOf(most);
  return i < 0 ? "none" : `${number(2 ** edge(i))} and ${number(2 ** edge(i + 1))}`;
}

function tickText(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 3 }).replace("-", "−");
}
