/** The page's side of `clickedPictures`: finds the figure above, listens for clicks, draws tiles out of sheets. Plain script, no library. */
import { deflateSync } from "node:zlib";

export interface ClickData {
  /** Pixels of a tile in its sheet. */
  side: number;
  /** Tiles in a row of a sheet; as many rows. */
  perRow: number;
  /** WebP in base64. */
  sheets: string[];
  /** `ClickTexts` as deflated JSON in base64: a fifth of its size. */
  texts: string;
}

export interface ClickTexts {
  /** Of each tile, over all sheets. */
  captions: string[];
  /** Of each feature. */
  notes?: Record<string, string>;
  /** Tiles of each feature. */
  features: Record<string, number[]>;
}

export function packTexts(texts: ClickTexts): string {
  return deflateSync(JSON.stringify(texts), { level: 9 }).toString("base64");
}

/** HTML of a place that says `text` (itself HTML) until a point is clicked. */
export function clickScript(text: string, data: ClickData): string {
  return `<div class="vitrine-clicked" style="min-height:96px;padding:6px 12px;color:var(--jp-ui-font-color1, #444);font-family:var(--jp-ui-font-family, sans-serif);font-size:13px">${text}</div><script>
(${listen})(document.currentScript && document.currentScript.previousElementSibling, ${JSON.stringify(data)});
</script>`;
}

/** Runs in the page, so it may use nothing of this file. Where nobody says which script runs, it takes the newest place. */
const listen = `(own, data) => {
  const place = own || [...document.querySelectorAll(".vitrine-clicked")].filter((div) => !div.dataset.ready).pop();
  if (!place) return;
  place.dataset.ready = "yes";
  const packed = new Blob([Uint8Array.from(atob(data.texts), (sign) => sign.charCodeAt(0))]);
  const texts = new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).json();
  const tile = (index, caption, size) => {
    const perSheet = data.perRow * data.perRow;
    const [sheet, at] = [Math.floor(index / perSheet), index % perSheet];
    const img = document.createElement("span");
    const [x, y] = [at % data.perRow, Math.floor(at / data.perRow)];
    img.title = caption;
    img.style.cssText = "display:inline-block;margin:4px 4px 0 0;border-radius:4px;width:" + size + "px;height:" + size + "px;" +
      "background:#fff url(data:image/webp;base64," + data.sheets[sheet] + ") " + -x * size + "px " + -y * size + "px / " + data.perRow * size + "px auto no-repeat";
    return img;
  };
  const show = async (feature) => {
    const { captions, notes, features } = await texts;
    const tiles = features[feature];
    const title = document.createElement("b");
    title.textContent = "feature " + feature;
    const note = document.createElement("span");
    note.textContent = " " + (tiles ? (notes && notes[feature]) || "" : "its pictures are not in this page (raise maxPictures)");
    const row = document.createElement("div");
    for (const index of tiles || []) row.append(tile(index, captions[index], 2 * data.side));
    place.dataset.feature = feature;
    place.replaceChildren(title, note, row);
  };
  const figureAbove = () => {
    const cell = place.closest(".jp-CodeCell, .jp-Cell") || document;
    const above = (plot) => plot.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING;
    return [...cell.querySelectorAll(".js-plotly-plot")].filter(above).pop();
  };
  const wired = new WeakSet();
  // A figure may be drawn after this runs, and anew whenever JupyterLab shows the cell again.
  const wire = () => {
    const plot = figureAbove();
    if (!plot || !plot.on || wired.has(plot)) return;
    wired.add(plot);
    plot.on("plotly_click", (event) => {
      const id = event.points[0] && event.points[0].customdata;
      if (id !== undefined && id !== null) show(String(id));
    });
    place.dataset.wired = "yes";
  };
  wire();
  new MutationObserver(wire).observe(place.closest(".jp-CodeCell, .jp-Cell") || document.body, { childList: true, subtree: true });
}`;
