/** The pictures of the feature that is clicked in a figure: small ones inside the page, so that it works in JupyterLab and in a shared page alike, without a kernel. */

import { clickScript, packTexts } from "./click-script";
import { DISPLAY, type Displayable } from "./display";
import type { PictureSource } from "./feature-grid";
import { makePicture } from "./pictures";
import { escapeHtml } from "./table";

export interface ClickedPicturesOptions {
  pictures: PictureSource;
  /** Strongest pictures of each feature, strongest first. */
  top: { feature(feature: number): { rows: ArrayLike<number> } };
  /** Features that can be clicked, those that matter most first: the numbers that the figure's points have as ids. */
  features: ArrayLike<number>;
  /** Text beside a feature's number. */
  note?: (feature: number) => string;
  /** Pictures a feature. Default 6. */
  count?: number;
  /** Side of a picture in pixels, as embedded; shown twice as large. Default 24. */
  side?: number;
  /** Most distinct pictures in the page (some 250 bytes each); features whose pictures find no room say so. Default 4,000. */
  maxPictures?: number;
}

/** Pictures of a sheet: a square of tiles, so that a page has few images and making one takes little memory. */
const SHEET_SIDE = 16;
const SHEET = SHEET_SIDE * SHEET_SIDE;

/**
 * A place under the figure that was shown before it in the same cell; a click on a point whose id is one of `features` shows that feature's pictures there.
 * Throws when `maxPictures` or `count` is not above 0.
 */
export function clickedPictures(options: ClickedPicturesOptions): Displayable {
  const { pictures, note, count = 6, side = 24, maxPictures = 4000 } = options;
  if (!(count > 0 && maxPictures > 0)) {
    throw new Error(
      `clickedPictures: expected count and maxPictures above 0, got ${count} and ${maxPictures}`,
    );
  }
  return {
    [DISPLAY]: async () => {
      const { order, chosen } = choose(options, count, maxPictures);
      const sheets: string[] = [];
      for (let from = 0; from < order.length; from += SHEET) {
        sheets.push(await sheetOf(pictures, order.slice(from, from + SHEET), side));
      }
      const captions = order.map((picture) => pictures.record(picture).caption);
      const notes = note && Object.fromEntries([...chosen.keys()].map((feature) => [feature, note(feature)]));
      const texts = packTexts({ captions, notes, features: Object.fromEntries(chosen) });
      const data = { side, perRow: SHEET_SIDE, sheets, texts };
      const all = options.features.length;
      const part = chosen.size < all ? ` (${chosen.size} of ${all} features have theirs in this page)` : "";
      const text = `Click a point of the figure above: the pictures on which its feature is strongest appear here${part}.`;
      return { "text/html": clickScript(escapeHtml(text), data), "text/plain": text };
    },
  };
}

/** Distinct pictures in order of appearance, and for each feature that fits the places of its own among them. */
function choose({ top, features }: ClickedPicturesOptions, count: number, maxPictures: number) {
  const placeOf = new Map<number, number>();
  const chosen = new Map<number, number[]>();
  for (const feature of Array.from(features)) {
    const rows = Array.from(top.feature(feature).rows).slice(0, count);
    const fresh = rows.filter((row) => !placeOf.has(row)).length;
    if (rows.length === 0 || placeOf.size + fresh > maxPictures) continue;
    for (const row of rows) if (!placeOf.has(row)) placeOf.set(row, placeOf.size);
    chosen.set(
      feature,
      rows.map((row) => placeOf.get(row) ?? 0),
    );
  }
  return { order: [...placeOf.keys()], chosen };
}

async function sheetOf(source: PictureSource, indices: number[], side: number): Promise<string> {
  const [height, width] = source.pictureShape;
  const data = await source.pictures(indices);
  const tiles = { data, width, height };
  const { bytes } = await makePicture({ kind: "sheet", tiles, side, perRow: SHEET_SIDE, quality: 60 });
  return bytes.toString("base64");
}
