/** Histograms, binned here, so that a notebook carries a hundred bars and not 65,536 values. */
import {
  type BarTrace,
  finiteExtent,
  type PlotlyAnnotation,
  type PlotlyFigure,
  type PlotlyShape,
  packNumbers,
  type Values,
} from "./figure";
import {
  type Axis,
  BASELINE,
  COLOURS,
  composeFigure,
  type FigureText,
  formatCount,
  formatNumber,
  logTicks,
  plotlyAxis,
} from "./theme";

/** Equal bins: `counts[i]` values lie in [start + i·width, start + (i+1)·width), the last bin closed. */
export interface Bins {
  start: number;
  width: number;
  counts: Uint32Array;
  /** Values that are not finite and so in no bin. */
  excluded: number;
}

/**
 * Counts values into bins of a round width. Default width: 1, 2 or 5 times a power of ten, such that there are about
 * 60 bins; bin edges are multiples of the width, so histograms of one width are comparable.
 */
export function countBins(
  values: Values,
  { width, bins = 60 }: { width?: number; bins?: number } = {},
): Bins {
  const extent = finiteExtent(values);
  if (!extent) return { start: 0, width: width ?? 1, counts: new Uint32Array(0), excluded: values.length };
  const [min, max] = extent;
  const step = width ?? roundWidth((max - min) / bins || 1);
  // A value on an edge belongs to the bin above it; the small slack undoes 0.3 / 0.1 = 2.999….
  const bin = (v: number) => Math.floor(v / step + 1e-9);
  const first = bin(min);
  const counts = new Uint32Array(Math.max(1, bin(max) - first + 1));
  let excluded = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) counts[bin(values[i]) - first]++;
    else excluded++;
  }
  return { start: first * step, width: step, counts, excluded };
}

function roundWidth(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  const factor = [1, 2, 5, 10].find((f) => f * power >= width * 0.999) ?? 10;
  return factor * power;
}

/** Bars of bins: centre against count. */
export function binTrace(bins: Bins, name: string, colour: string, unit: string, what: string): BarTrace {
  const centres = Float64Array.from(bins.counts, (_, i) => bins.start + (i + 0.5) * bins.width);
  return {
    type: "bar",
    name,
    x: packNumbers(centres),
    y: packNumbers(bins.counts),
    width: bins.width,
    marker: { color: colour, line: { width: 0 } },
    hovertemplate: `%{x:.3~g} ± ${Number((bins.width / 2).toPrecision(2))} ${unit}: %{y:,} ${what}<extra></extra>`,
  };
}

/** A labelled vertical line. */
export interface Reference {
  at: number;
  label: string;
}

/** Vertical reference lines for an x axis in `axis` units, labels at the top in rows so that they do not collide. */
export function referenceMarks(references: Reference[]): {
  shapes: PlotlyShape[];
  annotations: PlotlyAnnotation[];
} {
  const sorted = [...references].sort((a, b) => a.at - b.at);
  return {
    shapes: sorted.map(({ at }) => ({
      type: "line",
      xref: "x",
      yref: "paper",
      x0: at,
      x1: at,
      y0: 0,
      y1: 1,
      line: { color: COLOURS[1], width: 1.5, dash: "dash" },
    })),
    annotations: sorted.map(({ at, label }, i) => ({
      text: label,
      xref: "x",
      yref: "paper",
      x: at,
      y: 1,
      xanchor: "left",
      yanchor: "top",
      xshift: 5,
      yshift: -16 * i,
      showarrow: false,
      font: { size: 12 },
    })),
  };
}

export interface HistogramOptions extends FigureText {
  values: Values;
  x: Axis;
  /** What is counted: "features", "images"… */
  what: string;
  /** Bin width in the unit of x; default: a round one that gives about `bins` bins. */
  binWidth?: number;
  /** Number of bins aimed at; default 60. */
  bins?: number;
  /** Scale of the counts; default "linear". */
  yScale?: "linear" | "log";
  /** Vertical lines with labels, such as a threshold or a mean. */
  references?: Reference[];
}

/** Histogram of a quantity on a linear axis; values that are not finite are left out and said in the subtitle. */
export function histogram(options: HistogramOptions): PlotlyFigure {
  const { values, x, what, binWidth, bins: aim, yScale = "linear", references = [], ...text } = options;
  if (x.scale === "log")
    throw new Error("histogram: expected a linear x axis, got a log one (bin log10 of the values instead)");
  const bins = countBins(values, { width: binWidth, bins: aim });
  const left =
    bins.excluded > 0
      ? `${formatCount(bins.excluded)} of ${formatCount(values.length)} ${what} undefined`
      : "";
  const subtitle = [text.subtitle, left].filter(Boolean).join(" · ");
  return composeFigure(
    { ...text, subtitle: subtitle || undefined },
    [binTrace(bins, what, COLOURS[0], x.unit, what)],
    {
      bargap: 0.04,
      xaxis: plotlyAxis(x, BASELINE),
      yaxis: plotlyAxis(
        { title: what, unit: `count per bin of ${Number(bins.width.toPrecision(6))}`, scale: yScale },
        logTicks({ scale: yScale }, bins.counts),
      ),
      ...referenceMarks(references),
    },
  );
}

export interface SparsityHistogramOptions extends Partial<FigureText> {
  /** [F] firing frequency of each feature: the share of inputs on which it is active, 0 to 1; 0 means dead. */
  frequencies: Values;
  /** Number of inputs the frequencies were measured on. */
  samples: number;
  /** What an input is; default "images". */
  inputs?: string;
  /** Scale of the counts; default "linear". */
  yScale?: "linear" | "log";
  /** Vertical lines at log10 frequencies. */
  references?: Reference[];
}

/**
 * Features by log10 of their firing frequency in bins of 0.1. Dead features (frequency 0) have no logarithm: they are
 * counted and said above the bars, never binned.
 */
export function sparsityHistogram(options: SparsityHistogramOptions): PlotlyFigure {
  const { frequencies, samples, inputs = "images", yScale = "linear", references = [], ...text } = options;
  const alive: number[] = [];
  let sum = 0;
  for (let i = 0; i < frequencies.length; i++) {
    const f = frequencies[i];
    if (!(f >= 0 && f <= 1))
      throw new Error(
        `sparsityHistogram: expected frequencies of 0 to 1, got ${f} (pass shares, not log10 or counts)`,
      );
    sum += f;
    if (f > 0) alive.push(Math.log10(f));
  }
  const total = frequencies.length;
  const dead = total - alive.length;
  const median = alive.sort((a, b) => a - b)[alive.length >> 1];
  const about = [
    `${formatCount(total)} features over ${formatCount(samples)} ${inputs}`,
    `<b>${dead === 0 ? "none dead" : `${formatCount(dead)} dead (${formatNumber((100 * dead) / total)}%, not shown)`}</b>`,
    ...(median === undefined ? [] : [`median of the living 10<sup>${median.toFixed(1)}</sup>`]),
    `L0 ${formatNumber(sum)}`,
  ].join(" · ");
  const bins = countBins(alive, { width: 0.1 });
  return composeFigure(
    { title: "How often features fire", subtitle: about, ...text },
    [binTrace(bins, "features", COLOURS[0], "in log10", "features")],
    {
      bargap: 0.04,
      xaxis: plotlyAxis(
        { title: "log<sub>10</sub> sparsity", unit: `share of ${inputs} on which the feature fires` },
        BASELINE,
      ),
      yaxis: plotlyAxis(
        { title: "features", unit: "count per bin of 0.1", scale: yScale },
        logTicks({ scale: yScale }, bins.counts),
      ),
      ...referenceMarks(references),
    },
  );
}
