/** `saveFigure`: a figure as a file, for a paper, a page or another program. */
import { extname } from "node:path";
import { writeFileAtomic } from "../io";
import { figureCsv, isThemed, type PlotlyFigure, type Theme, withTheme } from "../plot";
import { makePicture } from "./pictures";
import { plotlyScript } from "./plotly-script.cjs";
import { smoothPanScript } from "./smooth-pan";
import { escapeHtml } from "./table";

export interface SaveFigureOptions {
  /** Background and text; default the figure's own, "light" for one made for JupyterLab's. Nothing to a CSV. */
  theme?: Exclude<Theme, "auto">;
  /** Device pixels a pixel of a PNG. Default 3: 800 pixels become 20 cm at 300 dots an inch. */
  scale?: number;
}

type Writer = (figure: PlotlyFigure, options: { scale: number }) => string | Promise<string | Buffer>;

const WRITERS: Readonly<Record<string, Writer>> = {
  ".png": async (figure, { scale }) =>
    (await makePicture({ kind: "figure", figure, scale, format: "png" })).bytes,
  // Clouds of more than 1,000 points are a picture inside the SVG, at this scale; all else is lines and text.
  ".svg": async (figure, { scale }) =>
    (await makePicture({ kind: "figure", figure, scale, format: "svg" })).bytes,
  ".html": pageOf,
  ".csv": figureCsv,
};

/**
 * Writes a figure to a file of the kind that its name ends with: `.png`, `.svg`, `.html` (interactive, one file that needs no network, some 5 MB) or
 * `.csv` (the data: a row a point, columns named by the axes). A relative path starts at the notebook's folder; missing folders are made; the file
 * is there whole or not at all. Throws for another ending or a scale that is not above 0.
 *
 * @example await saveFigure(figure, "figures/clusters.svg", { theme: "light" })
 */
export async function saveFigure(
  figure: PlotlyFigure,
  path: string,
  { theme, scale = 3 }: SaveFigureOptions = {},
): Promise<void> {
  const write = WRITERS[extname(path).toLowerCase()];
  if (!write) {
    throw new Error(
      `saveFigure: expected a name that ends with ${Object.keys(WRITERS).join(", ")}, got "${path}" (choose one)`,
    );
  }
  if (!(scale > 0 && scale < 20)) {
    throw new Error(`saveFigure: expected a scale between 0 and 20, got ${scale} (3 is 300 dots an inch)`);
  }
  const own = isThemed(figure) ? figure : withTheme(figure, "light");
  const content = await write(theme ? withTheme(figure, theme) : own, { scale });
  await writeFileAtomic(path, typeof content === "string" ? content : [content]);
}

function pageOf(figure: PlotlyFigure): string {
  const { data, layout, config } = figure;
  // JSON inside of a script: nothing in it may end the script.
  const parts = [data, layout, { ...config, responsive: true }].map((part) =>
    JSON.stringify(part).replaceAll("<", "\\u003c"),
  );
  const title = escapeHtml((layout.title?.text ?? "figure").replace(/<[^>]*>/g, ""));
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><script>${plotlyScript()}</script></head>
<body style="background:${layout.paper_bgcolor}"><div id="figure"></div>
<script>Plotly.newPlot("figure", ${parts.join(", ")});</script>${smoothPanScript(figure) ?? ""}</body>
</html>
`;
}
