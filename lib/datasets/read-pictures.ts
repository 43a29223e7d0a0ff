/** Pictures of a data set for a model. */
import { geometryOf, type PictureGeometry, type RgbPicture } from "../io";
import type { Dataset } from "./dataset";

/**
 * Pictures by number, ready for a model whose preprocessing has this geometry: those of a set that fits its pictures already are marked, so that they are
 * not resized twice. Throws when the set was opened for another geometry.
 */
export async function readPictures(
  dataset: Pick<Dataset, "name" | "pictures" | "pictureShape" | "geometry">,
  indices: ArrayLike<number>,
  geometry: PictureGeometry,
): Promise<RgbPicture[]> {
  const fitted = dataset.geometry !== undefined;
  const [has, wants] = [dataset.geometry, geometryOf(geometry)].map((value) => JSON.stringify(value));
  if (fitted && has !== wants) {
    throw new Error(
      `${dataset.name}: expected pictures fitted by ${wants}, got ${has} (do: openDataset(name, { geometry: clip.preprocessor }))`,
    );
  }
  const [height, width] = dataset.pictureShape;
  const bytes = height * width * 3;
  const all = await dataset.pictures(indices);
  return Array.from(indices, (_, i) => ({
    data: all.subarray(i * bytes, (i + 1) * bytes),
    width,
    height,
    ...(fitted && { fitted }),
  }));
}
