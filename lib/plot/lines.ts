/** Curves: one panel of lines, or several panels that share their x axis. */
import {
  type PlotlyAnnotation,
  type PlotlyFigure,
  packNumbers,
  type ScatterTrace,
  type Values,
} from "./figure";
import {
  type Axis,
  axisTitle,
  BASELINE,
  COLOURS,
  composeFigure,
  type FigureText,
  type LayoutParts,
  logTicks,
  plotlyAxis,
} from "./theme";

/** One curve. */
export interface Series {
  /** Name in the legend and on hover. */
  name: string;
  x: Values;
  /** Same length as x; not finite values leave a gap. */
  y: Values;
  dash?: "solid" | "dot" | "dash";
  /** Marks on the points too; default: only for at most 30 points. */
  markers?: boolean;
  /** Default: the next colour of the house's series. */
  colour?: string;
}

/** One panel of `smallMultiples`. */
export interface Panel {
  y: Axis;
  series: Series[];
}

export interface LineFigureOptions extends FigureText {
  x: Axis;
  y: Axis;
  series: Series[];
}

export interface SmallMultiplesOptions extends FigureText {
  /** The x axis that all panels share. */
  x: Axis;
  panels: Panel[];
  /** Panels side by side; default 1. */
  columns?: number;
  /** Height of one panel in pixels; default 170. */
  panelHeight?: number;
}

function lineTrace(series: Series, index: number, where: string): ScatterTrace {
  const { name, x, y, dash = "solid", markers = x.length <= 30, colour } = series;
  if (x.length !== y.length)
    throw new Error(
      `${where}: expected as many x as y values in "${name}", got ${x.length} and ${y.length} (cut both to one length)`,
    );
  const color = colour ?? COLOURS[index % COLOURS.length];
  return {
    type: "scatter",
    mode: markers ? "lines+markers" : "lines",
    name,
    x: packNumbers(x),
    y: packNumbers(y),
    line: { color, width: 2, dash },
    marker: { color, size: 5 },
  };
}

/** Lines over one pair of axes; a legend when there are two or more. */
export function lineFigure({ x, y, series, ...text }: LineFigureOptions): PlotlyFigure {
  const data = series.map((s, i) => lineTrace(s, i, "lineFigure"));
  return composeFigure(text, data, {
    showlegend: series.length > 1,
    hovermode: "x unified",
    xaxis: plotlyAxis(x, { ...logTicks(x, ...series.map((s) => s.x)), ...BASELINE }),
    yaxis: plotlyAxis(y, logTicks(y, ...series.map((s) => s.y))),
  });
}

/** Panels with one shared x axis (zooming one zooms all), top to bottom and, with `columns`, left to right. */
export function smallMultiples(options: SmallMultiplesOptions): PlotlyFigure {
  const { x, panels, columns = 1, panelHeight = 170, ...text } = options;
  if (panels.length === 0) throw new Error("smallMultiples: expected at least one panel, got none");
  const rows = Math.ceil(panels.length / columns);
  const gapX = columns > 1 ? 0.1 : 0;
  const gapY = rows > 1 ? 34 / (rows * panelHeight) : 0;
  const width = (1 - gapX * (columns - 1)) / columns;
  const height = (1 - gapY * (rows - 1)) / rows;
  const parts: LayoutParts = {};
  const annotations: PlotlyAnnotation[] = [];
  let colour = 0;
  const data = panels.flatMap((panel, p) => {
    const suffix = p === 0 ? "" : String(p + 1);
    const row = Math.floor(p / columns);
    const left = (p % columns) * (width + gapX);
    const bottom = 1 - row * (height + gapY) - height;
    const isLowest = p + columns >= panels.length;
    parts[`xaxis${suffix}`] = plotlyAxis(x, {
      ...BASELINE,
      domain: [left, left + width],
      anchor: `y${suffix}`,
      ...(p > 0 && { matches: "x" }),
      ...(!isLowest && { title: { text: "" }, showticklabels: false }),
    });
    parts[`yaxis${suffix}`] = plotlyAxis(panel.y, {
      title: { text: "" },
      domain: [bottom, bottom + height],
      anchor: `x${suffix}`,
      nticks: 5,
      ...logTicks(panel.y, ...panel.series.map((s) => s.y)),
    });
    const traces = panel.series.map((series) => ({
      ...lineTrace(series, colour++, "smallMultiples"),
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
    }));
    annotations.push(panelLabel(panel, traces, left, bottom + height));
    return traces;
  });
  const figureText = { height: rows * panelHeight + (text.subtitle ? 154 : 130), ...text };
  const margin = { l: 64, r: 28, t: text.subtitle ? 98 : 74, b: 56 };
  return composeFigure(figureText, data, { hovermode: "x unified", annotations, margin, ...parts });
}

/**
 * A panel's y title, set flat above its top left corner: readable without tilting one's head, and never clipped.
 * With several curves their names follow in their colours, which is the panel's legend.
 */
function panelLabel({ y }: Panel, traces: ScatterTrace[], left: number, top: number): PlotlyAnnotation {
  const title = y.scale === "log" ? `${axisTitle(y)}, log scale` : axisTitle(y);
  const names = traces.map(({ name, line }) => `<span style="color:${line?.color}"><b>${name}</b></span>`);
  return {
    text: names.length > 1 ? `${title}: ${names.join("\u00a0 ")}` : title,
    xref: "paper",
    yref: "paper",
    x: left,
    y: top,
    xanchor: "left",
    yanchor: "bottom",
    yshift: 1,
    showarrow: false,
    font: { size: 13 },
  };
}
