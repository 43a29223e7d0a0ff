/** Reconstruction against sparsity: every run of a sweep, and the line that none is below. */
import type { PlotlyFigure, ScatterTrace } from "./figure";
import { lineFigure } from "./lines";
import { COLOURS, type FigureText, NEUTRAL } from "./theme";

/** Results of one kind, drawn in one colour. */
export interface ParetoGroup {
  name: string;
  points: readonly { l0: number; fvu: number }[];
}

export interface ParetoOptions extends FigureText {
  groups: readonly ParetoGroup[];
  /** Points that no other beats, by rising L0. */
  front: readonly { l0: number; fvu: number }[];
}

/** FVU over L0, both logarithmic; lower left is better. */
export function paretoFigure({ groups, front, ...text }: ParetoOptions): PlotlyFigure {
  const figure = lineFigure({
    ...text,
    x: { title: "L0", unit: "active features per token", scale: "log" },
    y: { title: "unexplained variance", unit: "FVU", scale: "log" },
    series: [
      {
        name: "front",
        x: front.map(({ l0 }) => l0),
        y: front.map(({ fvu }) => fvu),
        colour: NEUTRAL,
        dash: "dot",
        markers: false,
      },
      ...groups.map(({ name, points }, i) => ({
        name,
        x: points.map(({ l0 }) => l0),
        y: points.map(({ fvu }) => fvu),
        colour: COLOURS[i % COLOURS.length],
      })),
    ],
  });
  const [line, ...others] = figure.data as ScatterTrace[];
  const points = others.map((trace) => ({
    ...trace,
    mode: "markers" as const,
    marker: { ...trace.marker, size: 9 },
  }));
  return { ...figure, data: [line, ...points], layout: { ...figure.layout, hovermode: "closest" } };
}
