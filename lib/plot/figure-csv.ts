/** A figure's data as a table: a row for each point of each trace, columns named by what the axes measure. */
import { type PlotlyFigure, type PlotlyNumbers, type PlotlyTrace, unpackNumbers } from "./figure";

/** A column's name and a trace's values in it. */
type Column = [name: string, values: ArrayLike<string | number>];

/**
 * CSV (RFC 4180, "\n" at the ends of lines) of all traces, one under the other. The first column names the trace; the others are the
 * axes' titles with their units, the colour's title, and `id` (a point's number, as a feature's). A trace's rows are empty in
 * columns that it does not have; values that are not finite are empty too.
 */
export function figureCsv(figure: PlotlyFigure): string {
  const traces = figure.data.map((trace) => ({ name: trace.name ?? "", columns: columnsOf(trace, figure) }));
  const names = [...new Set(traces.flatMap(({ columns }) => columns.map(([name]) => name)))];
  const lines = [["trace", ...names].map(quoted).join(",")];
  for (const { name, columns } of traces) {
    const label = quoted(bare(name));
    const inOrder = names.map((wanted) => columns.find(([column]) => column === wanted)?.[1]);
    const length = Math.max(0, ...columns.map(([, values]) => values.length));
    for (let i = 0; i < length; i++) {
      lines.push([label, ...inOrder.map((values) => (values ? textOf(values[i]) : ""))].join(","));
    }
  }
  return `${lines.join("\n")}\n`;
}

function columnsOf(trace: PlotlyTrace, figure: PlotlyFigure): Column[] {
  const [x, y] = (["x", "y"] as const).map((axis) => {
    const number = trace[`${axis}axis`]?.slice(1) ?? "";
    return bare(figure.layout[`${axis}axis${number}`]?.title?.text ?? "");
  });
  if (trace.type === "heatmap") {
    const width = trace.x.length;
    const cells = trace.z.flat().map((value) => value ?? Number.NaN);
    return distinct([
      [x || "x", cells.map((_, i) => trace.x[i % width])],
      [y || "y", cells.map((_, i) => trace.y[Math.floor(i / width)])],
      [bare(trace.colorbar?.title?.text ?? "") || "value", cells],
    ]);
  }
  // Small multiples share the x axis of the lowest panel, and name y in the panel's label: there the trace's name says it.
  const shared = Object.entries(figure.layout).flatMap(([key, axis]) =>
    /^xaxis\d*$/.test(key) && axis?.title?.text ? [bare(axis.title.text)] : [],
  );
  const columns: Column[] = [
    [x || shared[0] || "x", valuesOf(trace.x)],
    [y || bare(trace.name ?? "") || "y", valuesOf(trace.y)],
  ];
  const colour = trace.marker?.color;
  if (colour !== undefined && typeof colour !== "string") {
    columns.push([bare(trace.marker?.colorbar?.title?.text ?? "") || "colour", valuesOf(colour)]);
  }
  if (trace.customdata) columns.push(["id", valuesOf(trace.customdata)]);
  if (trace.text) columns.push(["text", trace.text]);
  return distinct(columns);
}

/** Two axes of one name are told apart. */
function distinct(columns: Column[]): Column[] {
  return columns.map(([name, values], i) => {
    const before = columns.slice(0, i).filter(([other]) => other === name).length;
    return [before > 0 ? `${name} ${before + 1}` : name, values];
  });
}

function valuesOf(values: PlotlyNumbers | string[]): ArrayLike<string | number> {
  return isTexts(values) ? values : unpackNumbers(values);
}

function isTexts(values: PlotlyNumbers | string[]): values is string[] {
  return Array.isArray(values) && typeof values[0] === "string";
}

function textOf(value: string | number | undefined): string {
  if (typeof value === "string") return quoted(bare(value));
  // Packed values are float32: nine digits give each of them back, and no more than they hold.
  return value !== undefined && Number.isFinite(value) ? String(Number(value.toPrecision(9))) : "";
}

/** Plotly's markup away. */
function bare(text: string): string {
  return text.replace(/<br>/g, " ").replace(/<[^>]*>/g, "");
}

function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
