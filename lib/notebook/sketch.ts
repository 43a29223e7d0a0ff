/**
 * A quick drawing of a figure's curves as HTML, for updates while something still trains. JupyterLab's Plotly renderer
 * draws a displayed figure once and ignores later versions of it, so a running figure cannot be a Plotly one; and this
 * costs a millisecond where Plotly takes a hundred. Same size and place for everything as in the figure that follows.
 */
import { finiteExtent, type PlotlyAxis, type PlotlyFigure, type ScatterTrace, unpackNumbers } from "../plot";
import { escapeHtml } from "./table";

interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** HTML of the lines of a figure with one or more panels; other marks are left out. */
export function sketch({ data, layout }: PlotlyFigure): string {
  const { width, height, margin, font } = layout;
  const inner = { width: width - margin.l - margin.r, height: height - margin.t - margin.b };
  const parts: string[] = [];
  const lines = data.filter(
    (trace): trace is ScatterTrace => trace.type === "scatter" && trace.mode !== "markers",
  );
  const xs = lines.map(({ x }) => unpackNumbers(x));
  const xRange = extent(xs);
  for (const panel of new Set(lines.map(({ yaxis = "y" }) => yaxis.slice(1)))) {
    const members = lines.filter(({ yaxis = "y" }) => yaxis.slice(1) === panel);
    const xAxis: PlotlyAxis = layout[`xaxis${panel}`];
    const yAxis: PlotlyAxis = layout[`yaxis${panel}`];
    const [x0, x1] = xAxis.domain ?? [0, 1];
    const [y0, y1] = yAxis.domain ?? [0, 1];
    const frame: Frame = {
      left: margin.l + x0 * inner.width,
      top: margin.t + (1 - y1) * inner.height,
      width: (x1 - x0) * inner.width,
      height: (y1 - y0) * inner.height,
    };
    const log = yAxis.type === "log";
    const ys = members.map(({ y }) => unpackNumbers(y).map((v) => (log ? Math.log10(v) : v)));
    const yRange = padded(extent(ys), yAxis.rangemode === "tozero");
    const toX = (v: number) => frame.left + ((v - xRange[0]) / (xRange[1] - xRange[0])) * frame.width;
    const toY = (v: number) => frame.top + ((yRange[1] - v) / (yRange[1] - yRange[0])) * frame.height;
    parts.push(
      grid(
        frame,
        (log ? logTickMarks(yAxis, yRange) : ticks(yRange)).map((v) => ({
          at: toY(v),
          text: label(log ? 10 ** v : v),
        })),
      ),
    );
    if (xAxis.showticklabels !== false) {
      const base = frame.top + frame.height;
      for (const v of ticks(xRange)) parts.push(text(toX(v), base + 18, label(v), "middle"));
      const title = xAxis.title?.text ?? "";
      parts.push(text(frame.left + frame.width / 2, base + 40, title, "middle", 13));
    }
    members.forEach((trace, i) => {
      const x = unpackNumbers(trace.x);
      const points = Array.from(ys[i], (v, k) =>
        Number.isFinite(v) ? `${toX(x[k]).toFixed(1)},${toY(v).toFixed(1)}` : "",
      );
      parts.push(
        `<polyline points="${points.join(" ").trim()}" fill="none" stroke="${trace.line?.color}" stroke-width="2"/>`,
      );
    });
  }
  for (const note of layout.annotations ?? [])
    parts.push(
      text(
        margin.l + note.x * inner.width + 2,
        margin.t + (1 - note.y) * inner.height - 6,
        note.text,
        "start",
        13,
      ),
    );
  const { title } = layout;
  if (title) parts.push(text(margin.l, 30, `<b>${title.text}</b>`, "start", 17));
  if (title?.subtitle) parts.push(text(margin.l, 53, title.subtitle.text, "start", 13));
  const family = escapeHtml(font.family ?? "sans-serif");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="${family}" font-size="12" fill="${font.color}">${parts.join("")}</svg>`;
}

function extent(arrays: Float64Array[]): [number, number] {
  const [min, max] = finiteExtent(...arrays) ?? [0, 1];
  return min === max ? [min - 0.5, max + 0.5] : [min, max];
}

function padded([min, max]: [number, number], fromZero: boolean): [number, number] {
  const space = (max - min) * 0.06;
  return [fromZero ? Math.min(0, min) : min - space, max + space];
}

/** Two to five round values within a range. */
function ticks([min, max]: [number, number]): number[] {
  const rough = (max - min) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(min / step - 1e-9);
  return Array.from({ length: Math.floor(max / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/** The ticks that the axis itself asks for, as log10. */
function logTickMarks({ tickvals, dtick = 1 }: PlotlyAxis, [min, max]: [number, number]): number[] {
  const powers = Array.from({ length: 60 }, (_, i) => (i - 30) * dtick);
  return (tickvals?.map(Math.log10) ?? powers).filter((v) => v >= min && v <= max);
}

function label(value: number): string {
  return Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString("en-US")
    : String(Number(value.toPrecision(2)));
}

function grid({ left, top, width, height }: Frame, marks: { at: number; text: string }[]): string {
  const rule = (y: number, opacity: number) =>
    `<line x1="${left}" x2="${left + width}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#7f848c" stroke-opacity="${opacity}"/>`;
  return (
    marks.map(({ at, text: t }) => rule(at, 0.2) + text(left - 5, at + 4, t, "end")).join("") +
    rule(top + height, 0.55)
  );
}

/** Text with the markup that our figures use: bold, and coloured bold names. Anything else is text. */
function text(x: number, y: number, markup: string, anchor: "start" | "middle" | "end", size = 12): string {
  const body = escapeHtml(markup.replace(/<\/?su[bp]>/g, ""))
    .replace(
      /&lt;span style=&quot;color:(#[0-9a-f]{6})&quot;&gt;&lt;b&gt;(.*?)&lt;\/b&gt;&lt;\/span&gt;/g,
      '<tspan fill="$1" font-weight="700">$2</tspan>',
    )
    .replace(/&lt;b&gt;(.*?)&lt;\/b&gt;/g, '<tspan font-weight="600">$1</tspan>');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${body}</text>`;
}
