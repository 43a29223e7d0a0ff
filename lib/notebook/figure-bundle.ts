/** A Plotly figure as MIME bundle: interactive where Plotly runs, a still where no script does, text everywhere else. */
import {
  finiteExtent,
  type PlotlyAxis,
  type PlotlyFigure,
  type PlotlyNumbers,
  type PlotlyTrace,
  unpackNumbers,
} from "../plot";
import type { MimeBundle, MimeMetadata } from "./display";
import { makePicture } from "./pictures";

/** MIME type of an interactive figure; JupyterLab prefers it to a picture, GitHub and nbconvert do not know it. */
export const PLOTLY_MIME = "application/vnd.plotly.v1+json";

export function isFigure(value: unknown): value is PlotlyFigure {
  if (typeof value !== "object" || value === null) return false;
  const { data, layout } = value as Partial<PlotlyFigure>;
  return Array.isArray(data) && typeof layout === "object" && typeof layout.width === "number";
}

/** The bundle without a picture. */
export function liveBundle(figure: PlotlyFigure): MimeBundle {
  return { [PLOTLY_MIME]: figure, "text/plain": figureText(figure) };
}

/**
 * The whole bundle with a still picture of `scale` device pixels a pixel (default 2); the first one takes about 2 s, others
 * 0.2 s. The still is a JPEG, because JupyterLab's Plotly renderer shows an image/png of the bundle in place of the
 * figure, at the size of its pixels, until the mouse comes; GitHub, nbviewer and nbconvert show a JPEG all the same.
 */
export async function figureBundle(figure: PlotlyFigure, { scale = 2 } = {}): Promise<MimeBundle> {
  const { bytes } = await makePicture({ kind: "figure", figure, scale, format: "jpeg" });
  return { ...liveBundle(figure), "image/jpeg": bytes.toString("base64") };
}

/** The still picture of a figure as a PNG file's bytes, for a README or a paper. */
export async function figurePng(figure: PlotlyFigure, { scale = 2 } = {}): Promise<Buffer> {
  return (await makePicture({ kind: "figure", figure, scale, format: "png" })).bytes;
}

/** Shows the still at the figure's own width, not at that of its pixels. */
export function figureMetadata({ layout: { width } }: PlotlyFigure): MimeMetadata {
  return { "image/jpeg": { width } };
}

/** A figure in words: title, then each trace with the extent of its values. */
export function figureText({ data, layout }: PlotlyFigure): string {
  const lines = [bare(layout.title?.text ?? "figure")];
  if (layout.title?.subtitle) lines.push(bare(layout.title.subtitle.text));
  for (const trace of data) {
    const titles = {
      x: axisName(layout[`xaxis${trace.xaxis?.slice(1) ?? ""}`], "x"),
      y: axisName(layout[`yaxis${trace.yaxis?.slice(1) ?? ""}`], "y"),
    };
    lines.push(`  ${bare(trace.name ?? trace.type)}: ${extents(trace, titles)}`);
  }
  return lines.join("\n");
}

function axisName(axis: PlotlyAxis | undefined, fallback: string): string {
  return bare(axis?.title?.text ?? "") || fallback;
}

function extents(trace: PlotlyTrace, titles: { x: string; y: string }): string {
  if (trace.type === "heatmap") return `${trace.z.length} rows of ${trace.z[0]?.length ?? 0} values`;
  const part = (axis: "x" | "y") => {
    const values = trace[axis];
    if (isNames(values)) return `${values.length} categories`;
    const numbers = unpackNumbers(values).filter(Number.isFinite);
    const found = finiteExtent(numbers);
    if (!found) return `${titles[axis]} empty`;
    const [min, max] = found;
    const last = trace.type === "scatter" && trace.mode !== "markers" && axis === "y";
    const end = last ? `, last ${short(numbers[numbers.length - 1])}` : "";
    return `${titles[axis]} ${short(min)} … ${short(max)}${end}`;
  };
  const count = isNames(trace.x) ? trace.x.length : unpackNumbers(trace.x).length;
  return `${count} points, ${part("x")}, ${part("y")}`;
}

function isNames(values: PlotlyNumbers | string[]): values is string[] {
  return Array.isArray(values) && typeof values[0] === "string";
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Plotly's markup away: log<sub>10</sub> -> log10. */
function bare(text: string): string {
  return text
    .replace(/<br>/g, "\n")
    .replace(/<sup>/g, "^")
    .replace(/<[^>]*>/g, "");
}
