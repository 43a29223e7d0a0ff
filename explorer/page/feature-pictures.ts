/** A feature's pictures: the strongest, and some of every strength, with a switch that lays heatmaps over all of them. */
import { captionOf, type FeatureChunk } from "../format/page-format";
import type { PageData } from "./data";
import { element, number } from "./dom";
import { pictureTile } from "./picture-tile";
import { START, writeHash } from "./state";

/** Strongest pictures shown; all that are kept count for the labels. */
const SHOWN = 16;
/** Milliseconds that others wait for them at most. */
const PATIENCE = 500;
/** Edges of pictures, CSS pixels. */
const [SIDE, SAMPLE_SIDE] = [88, 64];

/** The part of a chunk that is feature `local`'s. */
export function partOf<T extends Int32Array | Float32Array | Uint8Array | Int8Array>(
  column: T,
  local: number,
  width: number,
): T {
  return column.subarray(local * width, (local + 1) * width) as T;
}

/** The strongest pictures. */
export function strongestPictures(data: PageData, chunk: FeatureChunk, local: number): HTMLElement {
  const { manifest } = data;
  const pictures = partOf(chunk.pictures, local, manifest.top).subarray(0, SHOWN);
  const activations = partOf(chunk.activations, local, manifest.top);
  const cells = manifest.heatmapSide ** 2;
  const grids = partOf(chunk.heatmaps, local, manifest.heatmaps * cells);
  const list = element("ul", { class: "pictures" });
  pictures.forEach((picture, i) => {
    if (picture < 0) return;
    const grid = i < manifest.heatmaps ? grids.subarray(i * cells, (i + 1) * cells) : undefined;
    list.append(pictureItem(data, picture, activations[i], SIDE, grid));
  });
  return list;
}

/** When the strongest pictures of the feature that is open can be seen, or are late. */
export async function strongestSeen(): Promise<void> {
  const images = document.querySelectorAll<HTMLImageElement>("#feature .pictures img");
  const decoded = [...images].slice(0, SHOWN).map((image) => image.decode());
  await Promise.race([Promise.allSettled(decoded), new Promise((late) => setTimeout(late, PATIENCE))]);
}

/** Shows and hides the heatmaps of all pictures in `place`, this feature's and the next ones'. */
export function heatmapSwitch(place: HTMLElement): HTMLElement {
  const toggle: HTMLInputElement = element("input", {
    type: "checkbox",
    checked: place.classList.contains("with-heatmaps"),
    onchange: () => place.classList.toggle("with-heatmaps", toggle.checked),
  });
  return element(
    "label",
    { class: "switch" },
    toggle,
    "Heatmaps",
    element(
      "small",
      {},
      "how much of the activation is lost when a place is covered: clear all of it, dark nothing",
    ),
  );
}

/** Pictures out of each share of the firings, strongest share first. */
export function sampledPictures(data: PageData, chunk: FeatureChunk, local: number): HTMLElement {
  const { quantiles, perQuantile, heatmapSide, heatmaps } = data.manifest;
  const count = quantiles * perQuantile;
  const pictures = partOf(chunk.samples, local, count);
  const activations = partOf(chunk.sampleActivations, local, count);
  const cells = heatmapSide ** 2;
  const grids = heatmaps > 0 ? partOf(chunk.sampleHeatmaps, local, count * cells) : undefined;
  const itemsOf = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => from + i)
      .filter((i) => pictures[i] >= 0)
      .map((i) => {
        const grid = grids?.subarray(i * cells, (i + 1) * cells);
        return pictureItem(data, pictures[i], activations[i], SAMPLE_SIDE, grid);
      });
  const all = itemsOf(0, pictures.length);
  // Too few to be shared out.
  if (all.length < quantiles) return element("ul", { class: "pictures" }, ...all);
  const rows = element("div", { class: "quantiles" });
  const percent = (part: number) => Math.round((100 * part) / quantiles);
  for (let share = 0; share < quantiles; share++) {
    const title =
      share === 0
        ? `strongest ${percent(1)}%`
        : share === quantiles - 1
          ? `weakest ${percent(1)}%`
          : `${percent(share)} to ${percent(share + 1)}%`;
    const items = itemsOf(share * perQuantile, (share + 1) * perQuantile);
    const list = element("ul", { class: "pictures" }, ...items);
    rows.append(element("section", {}, element("h4", {}, title), list));
  }
  return rows;
}

function pictureItem(
  { manifest, pictures }: PageData,
  picture: number,
  activation: number,
  side: number,
  grid?: Uint8Array,
): HTMLElement {
  const caption = captionOf(pictures, picture);
  const label = pictures.label[picture];
  const tile = pictureTile(picture, side, caption, manifest);
  if (grid) tile.append(heatmap(grid, manifest.heatmapSide));
  // A file of shared features has no other view.
  const href = manifest.shared ? undefined : writeHash({ ...START, view: "picture", picture });
  return element(
    "li",
    { title: caption },
    href ? element("a", { href }, tile) : tile,
    element("b", {}, number(activation)),
    element("span", {}, label < 0 ? "no label" : manifest.labelNames[label]),
  );
}

/** A veil over a picture that is lifted where covering costs activation: shares of it in 255ths, row by row [side²]. */
export function heatmap(grid: Uint8Array, side: number): HTMLCanvasElement {
  const canvas = element("canvas", { class: "heatmap", "aria-hidden": "true", width: side, height: side });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("internal: no two-dimensional canvas");
  const image = context.createImageData(side, side);
  for (const [cell, lost] of grid.entries())
    image.data.set([10, 10, 30, Math.round(0.85 * (255 - lost))], 4 * cell);
  context.putImageData(image, 0, 0);
  return canvas;
}
