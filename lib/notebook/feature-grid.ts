/** The pictures on which features are strongest, a row of them for each feature. */
import type { Displayable } from "./display";
import { type ImageGridOptions, type ImageRow, imageGrid } from "./image";

/** The part of a data set that is used. */
export interface PictureSource {
  readonly pictureShape: readonly [number, number, number];
  record(i: number): { caption: string };
  pictures(indices: ArrayLike<number>): Promise<Uint8Array>;
}

export interface FeatureGridOptions extends ImageGridOptions {
  pictures: PictureSource;
  /** Strongest pictures of each feature, strongest first. */
  top: { feature(feature: number): { rows: ArrayLike<number> } };
  /** Bold line of a row. Default "feature N". */
  heading?: (feature: number) => string;
  /** Grey text after a feature's number. */
  note?: (feature: number) => string;
  /** Pictures a feature. Default 16. */
  count?: number;
}

/** A row of pictures with their captions for each of `features`. */
export async function featureGrid(
  features: ArrayLike<number>,
  options: FeatureGridOptions,
): Promise<Displayable> {
  const { pictures, top, heading = (feature) => `feature ${feature}`, note, count = 16, ...grid } = options;
  const [height, width] = pictures.pictureShape;
  const size = height * width * 3;
  const rows: ImageRow[] = [];
  for (const feature of Array.from(features)) {
    const best = Array.from(top.feature(feature).rows).slice(0, count);
    const bytes = await pictures.pictures(best);
    rows.push({
      title: heading(feature),
      note: note?.(feature),
      pictures: best.map((_, i) => ({ data: bytes.subarray(i * size, (i + 1) * size), width, height })),
      captions: best.map((picture) => pictures.record(picture).caption),
    });
  }
  return imageGrid(rows, { columns: count, ...grid });
}
