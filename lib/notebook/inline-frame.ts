/** A page that a server of this kernel gives out, inside of a cell's output; elsewhere a sentence. */
import { DISPLAY, type Displayable } from "./display";
import { escapeHtml } from "./table";
import { html } from "./widgets/controls";

export interface InlineFrameOptions {
  /** Address of the page, kept in the widget's state alone, which JupyterLab saves only when it is told to: the output has the sentence. Without it there is only that. */
  url?: string;
  /** What the page is, for those who do not see it. Default "page". */
  title?: string;
  /** Height in CSS pixels. Default 720. */
  height?: number;
  /** Said where no kernel shows the page: on GitHub, in an exported page, in a terminal. */
  otherwise: string;
}

/** Shows the page as wide as the cell. */
export function inlineFrame(options: InlineFrameOptions): Displayable {
  const { url, title = "page", height = 720, otherwise } = options;
  let frame: ReturnType<typeof html> | undefined;
  return {
    [DISPLAY]: async () => {
      const sentence = { "text/html": `<p>${escapeHtml(otherwise)}</p>`, "text/plain": otherwise };
      if (url === undefined) return sentence;
      const style = `width:100%;height:${height}px;border:0`;
      const value = `<iframe src="${escapeHtml(url)}" title="${escapeHtml(title)}" style="${style}"></iframe>`;
      frame ??= html({ value, layout: { width: "100%", height: `${height}px` } });
      return { ...(await frame[DISPLAY]()), ...sentence };
    },
  };
}
