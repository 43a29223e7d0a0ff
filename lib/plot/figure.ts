/** The shape of a Plotly figure, as far as this project uses it: plain JSON, no Plotly and no tensor in sight. */

/** Plain numbers, typed arrays, or anything else that can be indexed. */
export type Values = ArrayLike<number>;

/** Plotly's own form of a long typed array in JSON: base64 of little-endian bytes. */
export interface PackedArray {
  dtype: "f4";
  bdata: string;
}

/** How values travel in a figure: short ones as JSON numbers (null where undefined), long ones packed. */
export type PlotlyNumbers = (number | null)[] | PackedArray;

export interface PlotlyFont {
  family?: string;
  size?: number;
  color?: string;
  weight?: number;
}

export interface PlotlyTitle {
  text: string;
  font?: PlotlyFont;
  standoff?: number;
  side?: "top" | "right";
  subtitle?: { text: string; font?: PlotlyFont };
  x?: number;
  xref?: "paper" | "container";
  xanchor?: "left" | "center" | "right";
  y?: number;
  yref?: "paper" | "container";
  yanchor?: "top" | "bottom" | "middle" | "auto";
  pad?: { t?: number; b?: number; l?: number };
}

export interface PlotlyAxis {
  title?: PlotlyTitle;
  type?: "linear" | "log" | "category";
  range?: [number, number];
  rangemode?: "normal" | "tozero" | "nonnegative";
  domain?: [number, number];
  anchor?: string;
  matches?: string;
  dtick?: number;
  nticks?: number;
  tickvals?: number[];
  tickformat?: string;
  exponentformat?: "power" | "SI" | "none" | "e" | "B";
  separatethousands?: boolean;
  showticklabels?: boolean;
  autorange?: boolean | "reversed";
  automargin?: boolean;
  showgrid?: boolean;
  gridcolor?: string;
  gridwidth?: number;
  zeroline?: boolean;
  showline?: boolean;
  linecolor?: string;
  ticks?: "outside" | "";
  ticklen?: number;
  tickcolor?: string;
  hoverformat?: string;
  side?: "left" | "right" | "top" | "bottom";
}

export interface PlotlyColorBar {
  title?: PlotlyTitle;
  thickness?: number;
  outlinewidth?: number;
  len?: number;
  lenmode?: "fraction" | "pixels";
  x?: number;
  y?: number;
  xanchor?: "left" | "center" | "right";
  yanchor?: "top" | "middle" | "bottom";
  tickformat?: string;
}

export interface PlotlyMarker {
  color?: string | PlotlyNumbers;
  size?: number;
  opacity?: number;
  colorscale?: string | [number, string][];
  cmin?: number;
  cmax?: number;
  reversescale?: boolean;
  showscale?: boolean;
  colorbar?: PlotlyColorBar;
  line?: { width?: number; color?: string };
}

interface TraceBase {
  name?: string;
  xaxis?: string;
  yaxis?: string;
  showlegend?: boolean;
  legendgroup?: string;
  opacity?: number;
  hovertemplate?: string;
  hoverinfo?: "skip" | "all";
  customdata?: PlotlyNumbers;
  text?: string[];
}

export interface ScatterTrace extends TraceBase {
  type: "scatter" | "scattergl";
  mode: "lines" | "markers" | "lines+markers";
  x: PlotlyNumbers;
  y: PlotlyNumbers;
  line?: { color?: string; width?: number; dash?: "solid" | "dot" | "dash"; shape?: "linear" | "hv" };
  fill?: "tozeroy";
  fillcolor?: string;
  marker?: PlotlyMarker;
}

export interface BarTrace extends TraceBase {
  type: "bar";
  orientation?: "v" | "h";
  x: PlotlyNumbers | string[];
  y: PlotlyNumbers | string[];
  width?: number;
  marker?: PlotlyMarker;
}

export interface HeatmapTrace extends TraceBase {
  type: "heatmap";
  z: (number | null)[][];
  x: string[] | number[];
  y: string[] | number[];
  colorscale?: string | [number, string][];
  zmin?: number;
  zmax?: number;
  zmid?: number;
  xgap?: number;
  ygap?: number;
  colorbar?: PlotlyColorBar;
}

export type PlotlyTrace = ScatterTrace | BarTrace | HeatmapTrace;

export interface PlotlyShape {
  type: "line" | "rect";
  xref: string;
  yref: string;
  x0: number;
  x1: number;
  y0: number;
  y1: number;
  layer?: "above" | "below";
  line?: { color?: string; width?: number; dash?: "solid" | "dot" | "dash" };
}

export interface PlotlyAnnotation {
  text: string;
  xref: string;
  yref: string;
  x: number;
  y: number;
  xanchor?: "left" | "center" | "right";
  yanchor?: "top" | "middle" | "bottom";
  xshift?: number;
  yshift?: number;
  showarrow: boolean;
  align?: "left" | "center" | "right";
  font?: PlotlyFont;
  bgcolor?: string;
}

export interface PlotlyLayout {
  title?: PlotlyTitle;
  width: number;
  height: number;
  margin: { l: number; r: number; t: number; b: number };
  font: PlotlyFont;
  paper_bgcolor: string;
  plot_bgcolor: string;
  colorway: string[];
  showlegend: boolean;
  legend?: Record<string, string | number | PlotlyFont>;
  hovermode: "closest" | "x" | "x unified" | false;
  hoverlabel?: Record<string, string | number | PlotlyFont>;
  bargap?: number;
  barmode?: "group" | "stack" | "overlay";
  shapes?: PlotlyShape[];
  annotations?: PlotlyAnnotation[];
  /** xaxis, xaxis2, …, yaxis, yaxis2, … */
  [axis: `xaxis${string}` | `yaxis${string}`]: PlotlyAxis;
}

export interface PlotlyConfig {
  displaylogo?: boolean;
  displayModeBar?: boolean | "hover";
  scrollZoom?: boolean;
  responsive?: boolean;
  modeBarButtonsToRemove?: string[];
  toImageButtonOptions?: { format?: "png" | "svg"; scale?: number; filename?: string };
}

/** What every function of this folder returns and what `show` displays. */
export interface PlotlyFigure {
  data: PlotlyTrace[];
  layout: PlotlyLayout;
  config?: PlotlyConfig;
}

/** Longest array that stays readable JSON; longer ones are packed (two thirds of the size, no rounding in text). */
const LONGEST_PLAIN = 500;

/** Values as Plotly takes them: at most 500 as numbers of six significant digits (not finite: null), more as packed float32. */
export function packNumbers(values: Values): PlotlyNumbers {
  if (values.length > LONGEST_PLAIN) {
    const floats = Float32Array.from(values, (v) => (Number.isFinite(v) ? v : Number.NaN));
    return { dtype: "f4", bdata: Buffer.from(floats.buffer).toString("base64") };
  }
  return Array.from(values, (v) => (Number.isFinite(v) ? Number(v.toPrecision(6)) : null));
}

/** The inverse of `packNumbers` (not finite: NaN). */
export function unpackNumbers(values: PlotlyNumbers): Float64Array {
  if (Array.isArray(values)) return Float64Array.from(values, (v) => v ?? Number.NaN);
  const bytes = Buffer.from(values.bdata, "base64");
  return Float64Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** Smallest and largest finite value of all arrays; undefined where there is none. */
export function finiteExtent(...arrays: ArrayLike<number>[]): [number, number] | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const values of arrays)
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) continue;
      min = Math.min(min, values[i]);
      max = Math.max(max, values[i]);
    }
  return min > max ? undefined : [min, max];
}
