/** From a picture of any size to the one that a model looks at: resized, then cut to its centre, as Hugging Face's processors do. */
import { resampleRegion } from "./resample";

/** An RGB picture, bytes row by row. */
export interface RgbPicture {
  data: Uint8Array;
  width: number;
  height: number;
  /** Resized and cut already, for the very geometry that it is given to. Default false. */
  fitted?: boolean;
}

/** How pictures are resized and cut: the first fields of a preprocessor_config.json. */
export interface PictureGeometry {
  do_resize: boolean;
  /** Length that the shorter side gets, or both sides. Pixels. */
  size: { shortest_edge: number } | { height: number; width: number };
  /** How to resize, in Pillow's code: 3 is bicubic. */
  resample: number;
  do_center_crop: boolean;
  crop_size: { height: number; width: number };
}

/** The same geometry and nothing else, to compare or to hash. */
export function geometryOf({
  do_resize,
  size,
  resample,
  do_center_crop,
  crop_size,
}: PictureGeometry): PictureGeometry {
  const sides =
    "height" in size ? { height: size.height, width: size.width } : { shortest_edge: size.shortest_edge };
  const crop = { height: crop_size.height, width: crop_size.width };
  return { do_resize, size: sides, resample, do_center_crop, crop_size: crop };
}

/** Height and width of what comes out. Throws when that depends on the picture. */
export function fittedSize({ do_center_crop, crop_size, do_resize, size }: PictureGeometry): {
  height: number;
  width: number;
} {
  if (do_center_crop) return crop_size;
  if (do_resize && "height" in size) return size;
  throw new Error(
    `preprocessing: expected pictures of one size, got do_center_crop false and size ${JSON.stringify(size)}`,
  );
}

/** Resized and cut to the centre, to the bit what Pillow and Hugging Face's processor make of the same pixels: RGB bytes [H, W, 3]. */
export function fitPicture(picture: RgbPicture, geometry: PictureGeometry): Uint8Array {
  const { width, height, data } = picture;
  if (data.length !== width * height * 3)
    throw new Error(`fitPicture: expected ${width} x ${height} x 3 bytes, got ${data.length}`);
  if (picture.fitted) {
    const wanted = fittedSize(geometry);
    if (wanted.width === width && wanted.height === height) return data;
    throw new Error(
      `fitPicture: expected a picture fitted to ${wanted.width} x ${wanted.height}, got ${width} x ${height}`,
    );
  }
  const to = resizedSize(picture, geometry);
  const crop = geometry.do_center_crop ? geometry.crop_size : to;
  if (to.width === width && to.height === height && crop.width === width && crop.height === height)
    return data;
  const [top, left] = [Math.floor((to.height - crop.height) / 2), Math.floor((to.width - crop.width) / 2)];
  const region = {
    top: Math.max(0, top),
    left: Math.max(0, left),
    height: Math.min(crop.height, to.height),
    width: Math.min(crop.width, to.width),
  };
  const inside = resampleRegion(picture, to, region, geometry.resample);
  if (region.width === crop.width && region.height === crop.height) return inside;
  // The picture is smaller than the crop: black around it.
  const out = new Uint8Array(crop.height * crop.width * 3);
  for (let y = 0; y < region.height; y++) {
    const row = inside.subarray(y * region.width * 3, (y + 1) * region.width * 3);
    out.set(row, ((y + Math.max(0, -top)) * crop.width + Math.max(0, -left)) * 3);
  }
  return out;
}

function resizedSize({ width, height }: RgbPicture, { do_resize, size }: PictureGeometry) {
  if (!do_resize) return { width, height };
  if ("height" in size) return size;
  const edge = size.shortest_edge;
  return width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge };
}
