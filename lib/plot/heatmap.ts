/** A matrix as colours. */
import { DIVERGING, SEQUENTIAL } from "./colour-scales";
import type { PlotlyFigure, Values } from "./figure";
import { type Axis, axisTitle, composeFigure, type FigureText, plotlyAxis } from "./theme";

export interface HeatmapOptions extends FigureText {
  /** Rows from top to bottom, one value a column; not finite values stay empty. */
  rows: Values[];
  x: { title: string; unit: string };
  y: { title: string; unit: string };
  /** Names of the columns; default their numbers. */
  xLabels?: string[];
  /** Names of the rows; default their numbers. */
  yLabels?: string[];
  /** What the colour measures. */
  colour: Axis;
  /** A value in the middle of a diverging colour scale (0 for correlations); default none: a sequential scale. */
  centre?: number;
}

function labels(given: string[] | undefined, count: number, what: string): string[] | number[] {
  if (given && given.length !== count)
    throw new Error(`heatmap: expected ${count} ${what} labels, got ${given.length}`);
  return given ?? Array.from({ length: count }, (_, i) => i);
}

/** Heat map, first row on top. */
export function heatmap(options: HeatmapOptions): PlotlyFigure {
  const { rows, x, y, xLabels, yLabels, colour, centre, ...text } = options;
  const columns = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== columns))
    throw new Error(`heatmap: expected ${columns} values in each row, got rows of different lengths`);
  const z = rows.map((row) => Array.from(row, (v) => (Number.isFinite(v) ? Number(v.toPrecision(4)) : null)));
  const gap = rows.length <= 40 && columns <= 60 ? 1 : 0;
  const axis = (of: { title: string; unit: string }, given?: string[]) =>
    plotlyAxis(of, { ...(given && { type: "category" }), showgrid: false, ticks: "" });
  return composeFigure(
    { height: Math.min(900, Math.max(360, 140 + 22 * rows.length)), ...text },
    [
      {
        type: "heatmap",
        z,
        x: labels(xLabels, columns, "column"),
        y: labels(yLabels, rows.length, "row"),
        colorscale: centre === undefined ? SEQUENTIAL : DIVERGING,
        ...(centre !== undefined && { zmid: centre }),
        ...(colour.range && { zmin: colour.range[0], zmax: colour.range[1] }),
        xgap: gap,
        ygap: gap,
        colorbar: {
          title: { text: axisTitle(colour, "heatmap"), side: "right", font: { size: 13 } },
          thickness: 12,
          outlinewidth: 0,
        },
        hovertemplate: `${y.title} %{y}<br>${x.title} %{x}<br>${colour.title} %{z}<extra></extra>`,
      },
    ],
    {
      xaxis: axis(x, xLabels),
      yaxis: { ...axis(y, yLabels), autorange: "reversed" },
      margin: { l: 64, r: 96, t: text.subtitle ? 74 : 54, b: 56 },
    },
  );
}
