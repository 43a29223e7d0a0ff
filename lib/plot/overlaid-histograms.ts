/** Several groups of values in one histogram, each as shares of its group, so that groups of different sizes compare. */
import { type BarTrace, type PlotlyFigure, packNumbers, type Values } from "./figure";
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

/** Bars of all groups over each other, half transparent. */
export function overlaidHistograms(options: OverlaidHistogramsOptions): PlotlyFigure {
  const { groups, x, binWidth, yScale = "linear", references = [], ...text } = options;
  if (x.scale === "log")
    throw new Error("overlaidHistograms: expected a linear x axis, got a log one (bin log10 of the values)");
  const traces = groups.map(({ name, values, colour }, i): BarTrace => {
    const bins = countBins(values, { width: binWidth });
    const counted = values.length - bins.excluded;
    return {
      type: "bar",
      name: `${name} (${formatCount(counted)}${bins.excluded > 0 ? `; ${formatCount(bins.excluded)} undefined` : ""})`,
      x: packNumbers(Float64Array.from(bins.counts, (_, bin) => bins.start + (bin + 0.5) * binWidth)),
      y: packNumbers(Float64Array.from(bins.counts, (count) => count / counted)),
      width: binWidth,
      opacity: 0.6,
      marker: { color: colour ?? COLOURS[i % COLOURS.length], line: { width: 0 } },
      hovertemplate: `${name}: %{y:.2%} at %{x:.3~g} ${x.unit}<extra></extra>`,
    };
  });
  return composeFigure(text, traces, {
    barmode: "overlay",
    bargap: 0,
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
