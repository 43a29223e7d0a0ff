/** The one look of every figure: colours that read on white and on JupyterLab's dark theme, fonts, margins, axes. */
import type {
  PlotlyAxis,
  PlotlyConfig,
  PlotlyFigure,
  PlotlyLayout,
  PlotlyTitle,
  PlotlyTrace,
  Values,
} from "./figure";
import { currentTheme, SURFACES, withTheme } from "./figure-theme";

/**
 * Categorical colours, in order of use; each has a contrast of at least 3:1 on white and on #111. Found by a search for the largest least CIEDE2000 distance of the first
 * 2, 3, … 8 for normal sight, deuteranopia, protanopia and tritanopia: 17 among four, 11 among all eight (colour-vision.test.ts).
 */
export const COLOURS = [
  "#3b82d6",
  "#e0702c",
  "#a2377b",
  "#236e4e",
  "#c01519",
  "#c67fa0",
  "#01aa68",
  "#5d51bb",
] as const;

/** Lines that must stay quiet on any background. */
export const QUIET = SURFACES.auto.line;
/** Things that are set apart (undefined, dead, reference). */
export const NEUTRAL = "#8a919b";
export const FONT_FAMILY =
  'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** What one axis measures. */
export interface Axis {
  /** The quantity, in lower case unless a name. */
  title: string;
  /** Its unit, always: "nats", "images", "share", "features"… */
  unit: string;
  /** Default "linear". */
  scale?: "linear" | "log";
  /** [from, to] in the values' own unit, also on a log axis; default: the data's. */
  range?: [number, number];
  /** d3 format of the tick labels, for example ".0%". */
  tickFormat?: string;
  /** Whether the axis starts at zero (linear only); default false. */
  fromZero?: boolean;
}

/** Title lines and size, shared by every figure. */
export interface FigureText {
  /** What the figure shows, one line. */
  title: string;
  /** The numbers or conditions that a reader needs, one line (`<br>` allowed). */
  subtitle?: string;
  /** Pixels; default 800. */
  width?: number;
  /** Pixels; default 440. */
  height?: number;
}

/** "quantity (unit)"; throws when one of them is missing, since a reader cannot guess it. */
export function axisTitle({ title, unit }: Axis, where = "axisTitle"): string {
  if (!title.trim() || !unit.trim())
    throw new Error(
      `${where}: expected an axis with a title and a unit, got "${title}" (${unit}) (name both)`,
    );
  return `${title} (${unit})`;
}

/** A Plotly axis in the house style. */
export function plotlyAxis(axis: Axis, extra: PlotlyAxis = {}): PlotlyAxis {
  const log = axis.scale === "log";
  const range = axis.range;
  if (log && range && !(range[0] > 0 && range[1] > 0))
    throw new Error(
      `plotlyAxis: expected a positive range on a log axis, got [${range}] (use a linear axis)`,
    );
  return {
    title: { text: axisTitle(axis), standoff: 10, font: { size: 13 } },
    type: log ? "log" : "linear",
    ...(range && { range: log ? [Math.log10(range[0]), Math.log10(range[1])] : range }),
    ...((axis.tickFormat ?? log) && { tickformat: axis.tickFormat ?? "~g" }),
    ...(axis.fromZero && !log && { rangemode: "tozero" }),
    exponentformat: "none",
    separatethousands: true,
    automargin: true,
    gridcolor: SURFACES.auto.grid,
    zeroline: false,
    ...extra,
  };
}

/**
 * Ticks of a log axis for the given values: 1, 2 and 5 in each decade when they span less than two, else whole powers of
 * ten, at most about eight. Plotly's own choice labels every digit. Nothing for a linear axis.
 */
export function logTicks({ scale }: Pick<Axis, "scale">, ...arrays: Values[]): PlotlyAxis {
  if (scale !== "log") return {};
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (const array of arrays)
    for (let i = 0; i < array.length; i++)
      if (array[i] > 0 && array[i] < Number.POSITIVE_INFINITY) {
        min = Math.min(min, array[i]);
        max = Math.max(max, array[i]);
      }
  if (max === 0) return {};
  const decades = Math.log10(max / min);
  if (decades >= 2) return { dtick: Math.ceil(decades / 8) };
  const tickvals: number[] = [];
  for (let power = Math.floor(Math.log10(min)) - 1; power <= Math.ceil(Math.log10(max)) + 1; power++)
    for (const digit of [1, 2, 5]) tickvals.push(Number(`${digit}e${power}`));
  return { tickvals };
}

/** A quiet line under the data, for the axis that carries it. */
export const BASELINE: PlotlyAxis = {
  showline: true,
  linecolor: QUIET,
  ticks: "outside",
  ticklen: 4,
  tickcolor: QUIET,
  showgrid: false,
};

/** What a caller of `composeFigure` adds to the common layout. */
export type LayoutParts = Partial<Omit<PlotlyLayout, "title" | "width" | "height">>;

const LEGEND_HEIGHT = 28;

/** Puts traces and axes into the common frame: title lines to the left, the legend (if any) in a row under them. */
export function composeFigure(text: FigureText, data: PlotlyTrace[], parts: LayoutParts): PlotlyFigure {
  const { title, subtitle, width = 800, height = 440 } = text;
  const legend = parts.showlegend ?? false;
  const top = 46 + (subtitle ? 20 * subtitle.split("<br>").length : 0) + (legend ? LEGEND_HEIGHT : 0);
  const margin = { l: 64, r: 28, t: top + 8, b: 56, ...parts.margin };
  const layoutTitle: PlotlyTitle = {
    text: title,
    font: { size: 17, weight: 600 },
    x: 0,
    xref: "paper",
    xanchor: "left",
    y: 1 - 14 / height,
    yref: "container",
    yanchor: "top",
    ...(subtitle && { subtitle: { text: subtitle, font: { size: 13, weight: 400 } } }),
  };
  const layout: PlotlyLayout = {
    paper_bgcolor: SURFACES.auto.paper,
    plot_bgcolor: SURFACES.auto.paper,
    font: { family: FONT_FAMILY, size: 12, color: SURFACES.auto.text },
    colorway: [...COLOURS],
    hovermode: "closest",
    ...parts,
    title: layoutTitle,
    width,
    height,
    margin,
    showlegend: legend,
  };
  if (legend)
    layout.legend = {
      orientation: "h",
      x: 0,
      xanchor: "left",
      y: 1,
      yanchor: "bottom",
      font: { size: 12 },
      ...parts.legend,
    };
  const figure = { data, layout, config: CONFIG };
  return currentTheme() === "auto" ? figure : withTheme(figure, currentTheme());
}

const CONFIG: PlotlyConfig = {
  displaylogo: false,
  responsive: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  toImageButtonOptions: { format: "png", scale: 2 },
};

/** 65536 -> "65,536". */
export function formatCount(n: number): string {
  return n.toLocaleString("en-US");
}

/** A number for a title or a label: three significant digits, thousands separated, powers of ten when far from 1. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [mantissa, exponent] = value.toExponential(1).split("e");
    return `${mantissa}·10<sup>${Number(exponent)}</sup>`;
  }
  return size >= 1000 ? formatCount(Math.round(value)) : String(Number(value.toPrecision(3)));
}
