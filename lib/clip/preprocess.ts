/** CLIP's picture preprocessing, as a preprocessor_config.json describes it: resize, crop, normalise. */
import { fittedSize, type PictureGeometry, RESAMPLING } from "../io";
import { cutPatches, rawOp, type Tensor, tf } from "../tensor";
import { patchesPerSide, type VisionConfig } from "./config";

export type { RgbPicture } from "../io";

/** Of a preprocessor_config.json what Hugging Face's CLIPImageProcessor uses. Pictures are RGB already: see `decodePicture`. */
export interface PreprocessorConfig extends PictureGeometry {
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

/** Bytes 0 … 255 [B·H·W·3] to normalised pixels [B, H, W, 3], in the float32 arithmetic of Hugging Face's processor. The caller owns the result. */
export function normalisePixels(bytes: Uint8Array, config: PreprocessorConfig): Tensor {
  const { width, height } = fittedSize(config);
  const table = normalised(config);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 3) {
    values[i] = table[bytes[i]];
    values[i + 1] = table[256 + bytes[i + 1]];
    values[i + 2] = table[512 + bytes[i + 2]];
  }
  return tf.tensor(values, [bytes.length / (width * height * 3), height, width, 3]);
}

/** The same, cut into patches as `toPatches` cuts them, in one pass: bytes [B·H·W·3] -> [B, N, 3·P·P]. The caller owns the result. */
export function normalisePatches(
  bytes: Uint8Array,
  config: PreprocessorConfig,
  vision: VisionConfig,
): Tensor {
  const [side, patch] = [patchesPerSide(vision), vision.patch_size];
  const { height, width } = fittedSize(config);
  const count = Math.ceil(bytes.length / (height * width * 3));
  const values = scratchOf(count * side * side * 3 * patch * patch);
  cutPatches(bytes, { height, width, side, patch, table: normalised(config) }, values);
  const patches = tf.tensor3d(values, [count, side * side, 3 * patch * patch]);
  // tfjs would keep the array until the tensor's first use; any op makes it hand the values over now.
  rawOp("Identity", [patches], { T: { dtype: "float32" } }).dispose();
  return patches;
}

let scratch = new Float32Array(0);
/** Numbers of it that are kept from one call to the next. */
const KEPT = 1 << 24;

/**
 * Memory that is used again: to touch fresh memory costs more than to cut. Four bytes off any alignment, so that TensorFlow does not keep it but copies it, into
 * memory of its own that was in use before.
 */
function scratchOf(count: number): Float32Array {
  if (scratch.length >= count) return scratch.subarray(0, count);
  const made = new Float32Array(new ArrayBuffer(4 * (count + 1)), 4);
  if (count <= KEPT) scratch = made;
  return made;
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
