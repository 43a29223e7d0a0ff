/** CLIP's picture preprocessing, as a preprocessor_config.json describes it: resize, crop, normalise. */
import { type Tensor, tf } from "../tensor";
import { RESAMPLING, resampleRegion } from "./resample";

/** Of a preprocessor_config.json what Hugging Face's CLIPImageProcessor uses. Pictures are RGB already: see `decodePicture`. */
export interface PreprocessorConfig {
  do_resize: boolean;
  /** Length that the shorter side gets, or both sides. Pixels. */
  size: { shortest_edge: number } | { height: number; width: number };
  /** How to resize, in Pillow's code: 3 is bicubic. */
  resample: number;
  do_center_crop: boolean;
  crop_size: { height: number; width: number };
  do_rescale: boolean;
  /** Bytes are multiplied by it. */
  rescale_factor: number;
  do_normalize: boolean;
  image_mean: [number, number, number];
  image_std: [number, number, number];
}

/** OpenAI's values; every CLIP shares them. */
export const CLIP_MEAN: [number, number, number] = [0.48145466, 0.4578275, 0.40821073];
export const CLIP_STD: [number, number, number] = [0.26862954, 0.26130258, 0.27577711];

/** An RGB picture, bytes row by row. */
export interface RgbPicture {
  data: Uint8Array;
  width: number;
  height: number;
}

/** The preprocessor_config.json of a CLIP whose pictures have `size` pixels a side. */
export function preprocessorConfig(size: number) {
  return {
    crop_size: { height: size, width: size },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: CLIP_MEAN,
    image_processor_type: "CLIPImageProcessor",
    image_std: CLIP_STD,
    resample: RESAMPLING.bicubic as number,
    rescale_factor: 1 / 255,
    size: { shortest_edge: size },
  };
}

/**
 * What a preprocessor_config.json says, or the `image_processor` of a processor_config.json, with the defaults of CLIPImageProcessor and the forms that
 * its sizes have had: a number, {"shortest_edge"}, {"height", "width"}. Throws on what it does not know.
 */
export function parsePreprocessor(json: object, where: string): PreprocessorConfig {
  const root = json as Record<string, unknown>;
  const fields = (root.image_processor ?? root) as Record<string, unknown>;
  const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  const config = { ...preprocessorConfig(224), ...said };
  const size = readSize(config.size, `${where}: size`);
  const crop = readSize(config.crop_size, `${where}: crop_size`);
  const square = (edge: number) => ({ height: edge, width: edge });
  const flags = ["do_resize", "do_center_crop", "do_rescale", "do_normalize"] as const;
  for (const flag of flags) {
    if (typeof config[flag] !== "boolean")
      throw new Error(`${where}: expected ${flag} true or false, got ${JSON.stringify(config[flag])}`);
  }
  for (const field of ["image_mean", "image_std"] as const) {
    const value = config[field] as unknown;
    if (!Array.isArray(value) || value.length !== 3 || !value.every(Number.isFinite))
      throw new Error(`${where}: expected ${field} as three numbers, got ${JSON.stringify(value)}`);
  }
  const codes = Object.values(RESAMPLING) as number[];
  if (!codes.includes(config.resample))
    throw new Error(`${where}: expected resample one of ${codes.join(", ")}, got ${config.resample}`);
  return {
    ...config,
    // KOSMOS-2's way of saying that the aspect is not kept.
    size: root.use_square_size === true && "shortest_edge" in size ? square(size.shortest_edge) : size,
    crop_size: "shortest_edge" in crop ? square(crop.shortest_edge) : crop,
  };
}

function readSize(value: unknown, where: string): PreprocessorConfig["size"] {
  const whole = (entry: unknown): entry is number => Number.isInteger(entry) && Number(entry) > 0;
  if (whole(value)) return { shortest_edge: value };
  const { shortest_edge, longest_edge, height, width } = (value ?? {}) as Record<string, unknown>;
  if (whole(height) && whole(width)) return { height, width };
  if (whole(shortest_edge) && longest_edge === undefined) return { shortest_edge };
  throw new Error(
    `${where}: expected a number, {"shortest_edge"} or {"height", "width"}, got ${JSON.stringify(value)}`,
  );
}

/** Height and width of what comes out. Throws when that depends on the picture. */
export function pictureSize({ do_center_crop, crop_size, do_resize, size }: PreprocessorConfig): {
  height: number;
  width: number;
} {
  if (do_center_crop) return crop_size;
  if (do_resize && "height" in size) return size;
  throw new Error(
    `preprocessing: expected pictures of one size, got do_center_crop false and size ${JSON.stringify(size)}`,
  );
}

/** Resized and cropped to the centre, to the bit what Pillow and Hugging Face's processor make of the same pixels: RGB bytes [H, W, 3]. */
export function resizeAndCrop(picture: RgbPicture, config: PreprocessorConfig): Uint8Array {
  const { width, height, data } = picture;
  if (data.length !== width * height * 3)
    throw new Error(`resizeAndCrop: expected ${width} x ${height} x 3 bytes, got ${data.length}`);
  const to = resizedSize(picture, config);
  const crop = config.do_center_crop ? config.crop_size : to;
  if (to.width === width && to.height === height && crop.width === width && crop.height === height)
    return data;
  const [top, left] = [Math.floor((to.height - crop.height) / 2), Math.floor((to.width - crop.width) / 2)];
  const region = {
    top: Math.max(0, top),
    left: Math.max(0, left),
    height: Math.min(crop.height, to.height),
    width: Math.min(crop.width, to.width),
  };
  const inside = resampleRegion(picture, to, region, config.resample);
  if (region.width === crop.width && region.height === crop.height) return inside;
  // The picture is smaller than the crop: black around it.
  const out = new Uint8Array(crop.height * crop.width * 3);
  for (let y = 0; y < region.height; y++) {
    const row = inside.subarray(y * region.width * 3, (y + 1) * region.width * 3);
    out.set(row, ((y + Math.max(0, -top)) * crop.width + Math.max(0, -left)) * 3);
  }
  return out;
}

function resizedSize({ width, height }: RgbPicture, { do_resize, size }: PreprocessorConfig) {
  if (!do_resize) return { width, height };
  if ("height" in size) return size;
  const edge = size.shortest_edge;
  return width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge };
}

/** Bytes 0 … 255 [B·H·W·3] to normalised pixels [B, H, W, 3], in the float32 arithmetic of Hugging Face's processor. The caller owns the result. */
export function normalisePixels(bytes: Uint8Array, config: PreprocessorConfig): Tensor {
  const { width, height } = pictureSize(config);
  const table = normalised(config);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 3) {
    values[i] = table[bytes[i]];
    values[i + 1] = table[256 + bytes[i + 1]];
    values[i + 2] = table[512 + bytes[i + 2]];
  }
  return tf.tensor(values, [bytes.length / (width * height * 3), height, width, 3]);
}

/** What each byte of each channel becomes, [3·256]. */
function normalised({ do_rescale, rescale_factor, do_normalize, image_mean, image_std }: PreprocessorConfig) {
  const { fround } = Math;
  return Float32Array.from({ length: 768 }, (_, i) => {
    const channel = i >> 8;
    const value = do_rescale ? fround((i & 255) * rescale_factor) : i & 255;
    if (!do_normalize) return value;
    return fround(fround(value - fround(image_mean[channel])) / fround(image_std[channel]));
  });
}

/** Pixels 0 … 1 [B, H, W, 3] to normalised ones. The caller owns the result. */
export function normaliseUnit(
  pixels: Tensor,
  { do_normalize, image_mean, image_std }: PreprocessorConfig,
): Tensor {
  return tf.tidy(() =>
    do_normalize ? pixels.sub(tf.tensor1d(image_mean)).div(tf.tensor1d(image_std)) : pixels.clone(),
  );
}
