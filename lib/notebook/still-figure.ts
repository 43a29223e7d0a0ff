/** A figure as a still picture: on its theme's background or on white, no WebGL, many points as one raster image behind the axes' text. */
import {
  finiteExtent,
  isThemed,
  type PlotlyAxis,
  type PlotlyFigure,
  type PlotlyLayout,
  type PlotlyTrace,
  packNumbers,
  type ScatterTrace,
  unpackNumbers,
  withTheme,
} from "../plot";
import { parseColour, Raster, type Rgba } from "./raster";

/** From this many points on, a trace of markers becomes a raster (an SVG with more is slow to make and to show). */
const RASTER_FROM = 1000;
/** Space between the outermost points and the frame, as a share of the range. */
const PADDING = 0.04;

/** Plotly's image in a layout, placed in the coordinates of a pair of axes. */
interface LayoutImage {
  source: string;
  xref: string;
  yref: string;
  x: number;
  y: number;
  sizex: number;
  sizey: number;
  sizing: "stretch";
  layer: "above";
}

interface StillLayout extends PlotlyLayout {
  images?: LayoutImage[];
}

/** The figure as Plotly draws it for a still of `scale` device pixels a pixel. */
export function stillFigure(
  figure: PlotlyFigure,
  scale: number,
): { data: PlotlyTrace[]; layout: StillLayout } {
  const layout: StillLayout = { ...(isThemed(figure) ? figure : withTheme(figure, "light")).layout };
  const data: PlotlyTrace[] = [];
  const clouds: Cloud[] = [];
  /** Markers that stay markers. */
  const few: Cloud[] = [];
  for (const trace of figure.data) {
    if (trace.type !== "scatter" && trace.type !== "scattergl") data.push(trace);
    else {
      const cloud = trace.mode === "markers" ? readCloud(trace, layout) : undefined;
      if (cloud && cloud.x.length >= RASTER_FROM) clouds.push(cloud);
      else {
        data.push({ ...trace, type: "scatter" });
        if (cloud) few.push(cloud);
      }
    }
  }
  const subplots = new Set(clouds.map(({ xref, yref }) => `${xref} ${yref}`));
  for (const subplot of subplots) {
    const on = ({ xref, yref }: Cloud) => `${xref} ${yref}` === subplot;
    layout.images = [...(layout.images ?? []), drawClouds(clouds.filter(on), few.filter(on), layout, scale)];
  }
  for (const cloud of clouds) data.push(colourKey(cloud, layout));
  return { data, layout };
}

/** Points of one trace in the axes' own coordinates (log10 on a log axis). */
interface Cloud {
  trace: ScatterTrace;
  xref: string;
  yref: string;
  x: Float64Array;
  y: Float64Array;
}

function readCloud(trace: ScatterTrace, layout: StillLayout): Cloud {
  const x = unpackNumbers(trace.x);
  const y = unpackNumbers(trace.y);
  const xref = trace.xaxis ?? "x";
  const yref = trace.yaxis ?? "y";
  const onAxis = (values: Float64Array, ref: string) =>
    axisOf(layout, ref).type === "log" ? values.map(Math.log10) : values;
  return { trace, xref, yref, x: onAxis(x, xref), y: onAxis(y, yref) };
}

/** "x2" -> layout.xaxis2. */
function axisOf(layout: StillLayout, ref: string): PlotlyAxis {
  return layout[axisKey(ref)] ?? {};
}

function axisKey(ref: string): `xaxis${string}` | `yaxis${string}` {
  const number = ref.slice(1);
  return ref.startsWith("x") ? `xaxis${number}` : `yaxis${number}`;
}

/** Fixes the range of an axis to the points on it, since Plotly does not see them any more. */
function fixRange(layout: StillLayout, ref: string, values: Float64Array[]): [number, number] {
  const axis = axisOf(layout, ref);
  if (axis.range) return axis.range;
  const [min, max] = finiteExtent(...values) ?? [0, 1];
  const padding = (max - min) * PADDING || 0.5;
  const range: [number, number] = [min - padding, max + padding];
  layout[axisKey(ref)] = { ...axis, range };
  return range;
}

/** The clouds as one picture; the range has room for the `others` too. */
function drawClouds(clouds: Cloud[], others: Cloud[], layout: StillLayout, scale: number): LayoutImage {
  const { xref, yref } = clouds[0];
  const [x0, x1] = fixRange(
    layout,
    xref,
    [...clouds, ...others].map(({ x }) => x),
  );
  const [y0, y1] = fixRange(
    layout,
    yref,
    [...clouds, ...others].map(({ y }) => y),
  );
  const share = (ref: string) => {
    const [from, to] = axisOf(layout, ref).domain ?? [0, 1];
    return to - from;
  };
  const { margin } = layout;
  const width = Math.round(scale * share(xref) * (layout.width - margin.l - margin.r));
  const height = Math.round(scale * share(yref) * (layout.height - margin.t - margin.b));
  const raster = new Raster(width, height);
  for (const { trace, x, y } of clouds) {
    const radius = ((trace.marker?.size ?? 6) * scale) / 2;
    const colour = colourOf(trace);
    for (let i = 0; i < x.length; i++) {
      const left = ((x[i] - x0) / (x1 - x0)) * width;
      const top = ((y1 - y[i]) / (y1 - y0)) * height;
      if (Number.isFinite(left) && Number.isFinite(top)) raster.disc(left, top, radius, colour(i));
    }
  }
  return {
    source: raster.toDataUrl(),
    xref,
    yref,
    x: x0,
    y: y1,
    sizex: x1 - x0,
    sizey: y1 - y0,
    sizing: "stretch",
    layer: "above",
  };
}

/** Smallest and largest colour value of a trace: given, or the data's. */
function colourRange(trace: ScatterTrace): [number, number] {
  const { color, cmin, cmax } = trace.marker ?? {};
  const isValue = color !== undefined && typeof color !== "string";
  const [min, max] = (isValue && finiteExtent(unpackNumbers(color))) || [0, 1];
  return [cmin ?? min, cmax ?? max];
}

/** Colour of each point: one for all, or by its value on the trace's colour scale. */
function colourOf(trace: ScatterTrace): (i: number) => Rgba {
  const { color = "#000", opacity = 1, colorscale } = trace.marker ?? {};
  if (typeof color === "string") {
    const [r, g, b, a] = parseColour(color);
    return () => [r, g, b, a * opacity];
  }
  if (typeof colorscale === "string" || colorscale === undefined)
    throw new Error(`stillFigure: expected the colour scale as a list of stops, got ${colorscale}`);
  const values = unpackNumbers(color);
  const [min, max] = colourRange(trace);
  const stops = colorscale.map(([at, text]): [number, Rgba] => [at, parseColour(text)]);
  return (i) => {
    const t = max > min ? Math.min(1, Math.max(0, (values[i] - min) / (max - min))) : 0;
    const next = Math.max(
      1,
      stops.findIndex(([at]) => at >= t),
    );
    const [from, a] = stops[next - 1];
    const [to, b] = stops[next];
    const mix = (t - from) / (to - from);
    return [a[0] + mix * (b[0] - a[0]), a[1] + mix * (b[1] - a[1]), a[2] + mix * (b[2] - a[2]), opacity];
  };
}

/** What stays of a rastered trace: two points outside the frame, for the colour bar and the legend. */
function colourKey({ trace, xref, yref }: Cloud, layout: StillLayout): ScatterTrace {
  const outside = (ref: string) => {
    const [from, to] = axisOf(layout, ref).range ?? [0, 1];
    const far = to + 9 * (to - from);
    return axisOf(layout, ref).type === "log" ? 10 ** far : far;
  };
  const color = trace.marker?.color;
  const coloured = color !== undefined && typeof color !== "string";
  return {
    ...trace,
    type: "scatter",
    x: [outside(xref), outside(xref)],
    y: [outside(yref), outside(yref)],
    customdata: undefined,
    marker: { ...trace.marker, color: coloured ? packNumbers(colourRange(trace)) : color },
  };
}
