/** Bars over named categories, alone or in groups. */
import { type PlotlyFigure, packNumbers, type Values } from "./figure";
import { type Axis, axisTitle, BASELINE, COLOURS, composeFigure, type FigureText, plotlyAxis } from "./theme";

export interface BarOptions extends FigureText {
  /** What the categories are. */
  category: { title: string; unit: string };
  categories: string[];
  /** What the length of a bar measures. */
  value: Axis;
  /** One group of bars a name: a value a category. */
  groups: Record<string, Values>;
  /** Bars to the right, one category under the other, first on top; for long names. Default false. */
  horizontal?: boolean;
}

/** Bars; with two groups or more a legend. */
export function barFigure(options: BarOptions): PlotlyFigure {
  const { category, categories, value, groups, horizontal = false, ...text } = options;
  const names = Object.keys(groups);
  const data = names.map((name, i) => {
    const values = groups[name];
    if (values.length !== categories.length)
      throw new Error(`barFigure: expected ${categories.length} values in "${name}", got ${values.length}`);
    const numbers = packNumbers(values);
    return {
      type: "bar" as const,
      name,
      orientation: horizontal ? ("h" as const) : ("v" as const),
      x: horizontal ? numbers : categories,
      y: horizontal ? categories : numbers,
      marker: { color: COLOURS[i % COLOURS.length], line: { width: 0 } },
    };
  });
  const valueAxis = plotlyAxis({ fromZero: true, ...value }, horizontal ? { side: "bottom" } : {});
  const categoryAxis = {
    ...BASELINE,
    title: { text: axisTitle(category, "barFigure"), standoff: 10, font: { size: 13 } },
    type: "category" as const,
    automargin: true,
    ...(horizontal && { autorange: "reversed" as const }),
  };
  const height = horizontal ? 130 + categories.length * names.length * 22 : undefined;
  return composeFigure({ height, ...text }, data, {
    barmode: "group",
    bargap: 0.25,
    showlegend: names.length > 1,
    xaxis: horizontal ? valueAxis : categoryAxis,
    yaxis: horizontal ? categoryAxis : valueAxis,
  });
}
