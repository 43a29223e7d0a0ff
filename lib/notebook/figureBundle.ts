/** A Plotly figure as MIME bundle: interactive where Plotly runs, a PNG where no script does, text everywhere else. */
import {
  type PlotlyAxis,
  type PlotlyFigure,
  type PlotlyNumbers,
  type PlotlyTrace,
  unpackNumbers,
} from "../plot";
import type { MimeBundle, MimeMetadata } from "./display";
import { makePicture } from "./pictures";

/** MIME type of an interactive figure; JupyterLab prefers it to the PNG, GitHub and nbconvert do not know it. */
export const PLOTLY_MIME = "application/vnd.plotly.v1+json";

export function isFigure(value: unknown): value is PlotlyFigure {
  if (typeof value !== "object" || value === null) return false;
  const { data, layout } = value as Partial<PlotlyFigure>;
  return Array.isArray(data) && typeof layout === "object" && typeof layout.width === "number";
}

/** The bundle without a picture: cheap, for updates while something is still running. */
export function liveBundle(figure: PlotlyFigure): MimeBundle {
  return { [PLOTLY_MIME]: figure, "text/plain": figureText(figure) };
}

/** The whole bundle with the PNG (`scale` device pixels a pixel, default 2); the first one takes about 2 s, others 0.2 s. */
export async function figureBundle(figure: PlotlyFigure, { scale = 2 } = {}): Promise<MimeBundle> {
  const { png } = await makePicture({ kind: "figure", figure, scale });
  return { ...liveBundle(figure), "image/png": png.toString("base64") };
}

/** Shows the PNG at the figure's own size, not at that of its pixels. */
export function figureMetadata({ layout: { width, height } }: PlotlyFigure): MimeMetadata {
  return { "image/png": { width, height } };
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
    if (numbers.length === 0) return `${titles[axis]} empty`;
    let min = numbers[0];
    let max = numbers[0];
    for (const v of numbers) {
      if (v < min) min = v;
      if (v > max) max = v;
    }
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
