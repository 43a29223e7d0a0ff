/** Several groups of values in one histogram, each as shares of its group, so that groups of different sizes compare. */
import { type PlotlyFigure, packNumbers, type ScatterTrace, type Values } from "./figure";
import { countBins, type Reference, referenceMarks } from "./histogram";
import {
  type Axis,
  BASELINE,
  COLOURS,
  composeFigure,
  type FigureText,
  formatCount,
  plotlyAxis,
} from "./theme";

export interface HistogramGroup {
  name: string;
  /** Values that are not finite are left out, and said in the legend. */
  values: Values;
  /** Default: the next colour of the house's series. */
  colour?: string;
}

export interface OverlaidHistogramsOptions extends FigureText {
  groups: HistogramGroup[];
  x: Axis;
  /** Width of the bins that all groups share, in the unit of x. */
  binWidth: number;
  /** Scale of the shares; default "linear". */
  yScale?: "linear" | "log";
  /** Vertical lines with labels, such as a threshold. */
  references?: Reference[];
}

/** Outlines of all groups over each other, lightly filled. */
export function overlaidHistograms(options: OverlaidHistogramsOptions): PlotlyFigure {
  const { groups, x, binWidth, yScale = "linear", references = [], ...text } = options;
  if (x.scale === "log")
    throw new Error("overlaidHistograms: expected a linear x axis, got a log one (bin log10 of the values)");
  const traces = groups.map(({ name, values, colour }, i): ScatterTrace => {
    const bins = countBins(values, { width: binWidth });
    const counted = values.length - bins.excluded;
    const line = colour ?? COLOURS[i % COLOURS.length];
    // A step for each bin's left edge, and one that brings the outline down to nothing on either side.
    const steps = bins.counts.length + 2;
    return {
      type: "scatter",
      mode: "lines",
      name: `${name} (${formatCount(counted)}${bins.excluded > 0 ? `; ${formatCount(bins.excluded)} undefined` : ""})`,
      x: packNumbers(Float64Array.from({ length: steps }, (_, bin) => bins.start + (bin - 1) * binWidth)),
      y: packNumbers(Float64Array.from({ length: steps }, (_, bin) => (bins.counts[bin - 1] ?? 0) / counted)),
      line: { color: line, width: 2, shape: "hv" },
      fill: "tozeroy",
      fillcolor: `${line}22`,
      hovertemplate: `${name}: %{y:.2%} from %{x:.3~g} ${x.unit}<extra></extra>`,
    };
  });
  return composeFigure(text, traces, {
    showlegend: true,
    xaxis: plotlyAxis(x, BASELINE),
    yaxis: plotlyAxis({
      title: "share of the group",
      unit: `per bin of ${Number(binWidth.toPrecision(3))}`,
      scale: yScale,
      tickFormat: ".0%",
    }),
    ...referenceMarks(references),
  });
}
