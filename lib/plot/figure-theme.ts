/** Backgrounds: a figure on JupyterLab's own ("auto"), on white for print ("light"), or on near-black for slides ("dark"). */
import type { PlotlyAxis, PlotlyFigure, PlotlyLayout } from "./figure";

export type Theme = "auto" | "light" | "dark";

interface Surface {
  paper: string;
  /** Title, labels, ticks: "auto" is a grey with a contrast of about 4.5:1 on white and on #111 alike, the others have 10:1 or more. */
  text: string;
  grid: string;
  /** Axis lines and tick marks. */
  line: string;
}

/** What "auto" leaves to the page. */
export const TRANSPARENT = "rgba(0,0,0,0)";

export const SURFACES: Readonly<Record<Theme, Surface>> = {
  auto: {
    paper: TRANSPARENT,
    text: "#757a82",
    grid: "rgba(127,132,140,0.20)",
    line: "rgba(127,132,140,0.55)",
  },
  light: { paper: "#fff", text: "#2b3037", grid: "rgba(43,48,55,0.13)", line: "rgba(43,48,55,0.6)" },
  dark: { paper: "#111", text: "#d9dde3", grid: "rgba(217,221,227,0.16)", line: "rgba(217,221,227,0.6)" },
};

let current: Theme = "auto";

/** The theme of all figures that are made from now on. Default "auto". Throws for an unknown one. */
export function setTheme(theme: Theme): void {
  surfaceOf(theme, "setTheme");
  current = theme;
}

export function currentTheme(): Theme {
  return current;
}

/** Whether a figure brings its own background. */
export function isThemed({ layout }: PlotlyFigure): boolean {
  return layout.paper_bgcolor !== TRANSPARENT;
}

/** The same figure on another background; the colours of the data read on all three. */
export function withTheme(figure: PlotlyFigure, theme: Theme): PlotlyFigure {
  const { paper, text, grid, line } = surfaceOf(theme, "withTheme");
  const layout: PlotlyLayout = {
    ...figure.layout,
    font: { ...figure.layout.font, color: text },
    paper_bgcolor: paper,
    plot_bgcolor: paper,
  };
  for (const key of Object.keys(layout)) {
    if (!isAxisKey(key)) continue;
    const axis: PlotlyAxis = layout[key];
    layout[key] = {
      ...axis,
      gridcolor: grid,
      ...(axis.linecolor && { linecolor: line }),
      ...(axis.tickcolor && { tickcolor: line }),
    };
  }
  return { ...figure, layout };
}

function surfaceOf(theme: Theme, where: string): Surface {
  if (Object.hasOwn(SURFACES, theme)) return SURFACES[theme];
  throw new Error(`${where}: expected a theme (${Object.keys(SURFACES).join(", ")}), got "${theme}"`);
}

function isAxisKey(key: string): key is `xaxis${string}` | `yaxis${string}` {
  return /^[xy]axis\d*$/.test(key);
}
