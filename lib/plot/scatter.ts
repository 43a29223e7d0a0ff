/** Points: a scatter with colour, and the study's cluster picture with its marginal histograms. */
import { SEQUENTIAL } from "./colour-scales";
import {
  type BarTrace,
  type PlotlyColorBar,
  type PlotlyFigure,
  packNumbers,
  type ScatterTrace,
  type Values,
} from "./figure";
import { binTrace, countBins } from "./histogram";
import {
  type Axis,
  axisTitle,
  BASELINE,
  COLOURS,
  composeFigure,
  type FigureText,
  formatCount,
  NEUTRAL,
  plotlyAxis,
} from "./theme";

export interface ScatterOptions extends FigureText {
  x: Axis;
  y: Axis;
  /** Same length each. Points with an x or y that is not finite are not drawn, and said in the subtitle. */
  xs: Values;
  ys: Values;
  /** Colour of each point; where it is not finite the point is grey. */
  colour?: { axis: Axis; values: Values };
  /** What a point is, for the hover text; default "point". */
  what?: string;
  /** Identity of each point (an index) for the hover text; default: its position. */
  ids?: Values;
  /** Pixels; default 3 to 6 by the number of points. */
  markerSize?: number;
}

function checkLengths(where: string, named: Record<string, Values | undefined>): void {
  const lengths = Object.entries(named).flatMap(([name, v]) => (v ? [`${name} ${v.length}`] : []));
  if (new Set(lengths.map((s) => s.split(" ")[1])).size > 1)
    throw new Error(`${where}: expected arrays of one length, got ${lengths.join(", ")}`);
}

function pick(values: Values, indices: number[]): Float64Array {
  return Float64Array.from(indices, (i) => values[i]);
}

function colourBar(axis: Axis): PlotlyColorBar {
  return {
    title: { text: axisTitle(axis), side: "right", font: { size: 13 } },
    thickness: 12,
    outlinewidth: 0,
    ...(axis.tickFormat && { tickformat: axis.tickFormat }),
  };
}

/** Points in one or two traces: those with a colour, and in grey those whose colour is undefined. */
function pointTraces(options: ScatterOptions): { traces: ScatterTrace[]; drawn: number; colourless: number } {
  const { x, y, xs, ys, colour, what = "point", ids } = options;
  checkLengths("scatterFigure", { xs, ys, colour: colour?.values, ids });
  const coloured: number[] = [];
  const grey: number[] = [];
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(xs[i]) || !Number.isFinite(ys[i])) continue;
    (colour && !Number.isFinite(colour.values[i]) ? grey : coloured).push(i);
  }
  const drawn = coloured.length + grey.length;
  const { markerSize = drawn > 20000 ? 3 : drawn > 2000 ? 4 : 6 } = options;
  const trace = (indices: number[]): ScatterTrace => ({
    type: drawn > 2000 ? "scattergl" : "scatter",
    mode: "markers",
    x: packNumbers(pick(xs, indices)),
    y: packNumbers(pick(ys, indices)),
    customdata: packNumbers(ids ? pick(ids, indices) : indices),
  });
  const hover = `${what} %{customdata}<br>${x.title} %{x:.3f}<br>${y.title} %{y:.3f}`;
  const traces: ScatterTrace[] = [];
  if (grey.length > 0)
    traces.push({
      ...trace(grey),
      name: `${colour?.axis.title ?? "colour"} undefined`,
      marker: { color: NEUTRAL, size: markerSize, opacity: 0.35 },
      hovertemplate: `${hover}<extra></extra>`,
    });
  if (coloured.length > 0)
    traces.push({
      ...trace(coloured),
      name: what,
      marker: colour
        ? {
            color: packNumbers(pick(colour.values, coloured)),
            size: markerSize,
            opacity: 0.7,
            colorscale: SEQUENTIAL,
            ...(colour.axis.range && { cmin: colour.axis.range[0], cmax: colour.axis.range[1] }),
            showscale: true,
            colorbar: colourBar(colour.axis),
          }
        : { color: COLOURS[0], size: markerSize, opacity: 0.6 },
      hovertemplate: colour
        ? `${hover}<br>${colour.axis.title} %{marker.color:.3f}<extra></extra>`
        : `${hover}<extra></extra>`,
    });
  return { traces, drawn, colourless: grey.length };
}

function subtitleOf(options: ScatterOptions, drawn: number, colourless: number): string | undefined {
  const { subtitle, xs, what = "point", colour } = options;
  const left = xs.length - drawn;
  const parts = [
    subtitle,
    left > 0 && `${formatCount(left)} of ${formatCount(xs.length)} ${what}s undefined on an axis, not shown`,
    colourless > 0 && `grey: ${colour?.axis.title} undefined (${formatCount(colourless)})`,
  ];
  return parts.filter(Boolean).join(" · ") || undefined;
}

/** Points over two axes, coloured by a third quantity; WebGL from 2,000 points on. */
export function scatterFigure(options: ScatterOptions): PlotlyFigure {
  const { title, width, height } = options;
  const { traces, drawn, colourless } = pointTraces(options);
  const text = { title, width, height: height ?? 520, subtitle: subtitleOf(options, drawn, colourless) };
  return composeFigure(text, traces, {
    showlegend: false,
    xaxis: plotlyAxis(options.x, { ...BASELINE, showgrid: true }),
    yaxis: plotlyAxis(options.y),
    ...(options.colour && { margin: { l: 64, r: 96, t: 46 + (text.subtitle ? 28 : 8), b: 56 } }),
  });
}

export interface FeatureClustersOptions extends Partial<FigureText> {
  /** [F] log10 of the firing frequency; -Infinity for dead features, which are not drawn. */
  log10Sparsity: Values;
  /** [F] log10 of the mean activation over each feature's top images. */
  log10MeanActivation: Values;
  /** [F] label entropy over each feature's top images in nats; NaN where undefined (drawn grey). */
  labelEntropy: Values;
  /** [F] feature indices; default 0 … F-1. */
  ids?: Values;
}

/** Share of the width and height that the points take; the marginal histograms take the rest. */
const MAIN = 0.82;

/** The study's cluster picture: sparsity against mean activation, coloured by label entropy, marginal histograms beside. */
export function featureClusters(options: FeatureClustersOptions): PlotlyFigure {
  const { log10Sparsity, log10MeanActivation, labelEntropy, ids, ...text } = options;
  const x: Axis = { title: "log<sub>10</sub> sparsity", unit: "share of images on which the feature fires" };
  const y: Axis = { title: "log<sub>10</sub> mean activation", unit: "of the top images, activation units" };
  const scatter: ScatterOptions = {
    title: "Features by sparsity, activation and label entropy",
    ...text,
    x,
    y,
    xs: log10Sparsity,
    ys: log10MeanActivation,
    colour: { axis: { title: "label entropy", unit: "nats" }, values: labelEntropy },
    what: "feature",
    ids,
  };
  const { traces, drawn, colourless } = pointTraces(scatter);
  const shown = (values: Values, other: Values) =>
    Float64Array.from(values, (v, i) => (Number.isFinite(other[i]) ? v : Number.NaN));
  const across = countBins(shown(log10Sparsity, log10MeanActivation), { bins: 70 });
  const along = countBins(shown(log10MeanActivation, log10Sparsity), { bins: 70 });
  const top: BarTrace = {
    ...binTrace(across, "by sparsity", COLOURS[0], "in log10", "features"),
    xaxis: "x",
    yaxis: "y2",
  };
  const flat = binTrace(along, "by activation", COLOURS[0], "in log10", "features");
  const right: BarTrace = {
    ...flat,
    orientation: "h",
    x: flat.y,
    y: flat.x,
    hovertemplate: flat.hovertemplate
      ?.replace("%{x:", "%{Y:")
      .replace("%{y:,}", "%{x:,}")
      .replace("%{Y:", "%{y:"),
    xaxis: "x2",
    yaxis: "y",
  };
  for (const trace of traces)
    if (trace.marker?.colorbar)
      trace.marker.colorbar = { ...trace.marker.colorbar, x: 1.02, y: 0, yanchor: "bottom", len: MAIN };
  const counts = (unit: string) =>
    plotlyAxis({ title: "features", unit }, { nticks: 3, title: { text: "count", standoff: 6 } });
  return composeFigure(
    {
      ...scatter,
      width: text.width ?? 860,
      height: text.height ?? 640,
      subtitle: subtitleOf(scatter, drawn, colourless),
    },
    [...traces, top, right],
    {
      bargap: 0.04,
      xaxis: plotlyAxis(x, { ...BASELINE, showgrid: true, domain: [0, MAIN] }),
      yaxis: plotlyAxis(y, { domain: [0, MAIN] }),
      xaxis2: { ...counts("count"), domain: [MAIN + 0.02, 1], anchor: "y" },
      yaxis2: { ...counts("count"), domain: [MAIN + 0.02, 1], anchor: "x" },
      margin: { l: 64, r: 96, t: 82, b: 56 },
    },
  );
}
