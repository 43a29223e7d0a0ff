/** CLIP's picture preprocessing, as a preprocessor_config.json describes it: resize, crop, normalise. */
import sharp from "sharp";
import { type Tensor, tf } from "../tensor";

/** Of a preprocessor_config.json what CLIP's processor uses. */
export interface PreprocessorConfig {
  size: { shortest_edge: number };
  crop_size: { height: number; width: number };
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
    resample: 3,
    rescale_factor: 1 / 255,
    size: { shortest_edge: size },
  };
}

/** Bicubic resize of the shorter side, then the centre: RGB bytes [size, size, 3], through sharp. */
export async function resizeAndCrop(picture: RgbPicture, config: PreprocessorConfig): Promise<Uint8Array> {
  const { width, height, data } = picture;
  const { shortest_edge: edge } = config.size;
  const { width: cropWidth, height: cropHeight } = config.crop_size;
  if (width === edge && height === edge && cropWidth === edge && cropHeight === edge) return data;
  const scale = edge / Math.min(width, height);
  const resized = { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
  if (width < height) resized.width = edge;
  else resized.height = edge;
  const image = sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ ...resized, kernel: "cubic", fit: "fill" })
    .extract({
      left: Math.floor((resized.width - cropWidth) / 2),
      top: Math.floor((resized.height - cropHeight) / 2),
      width: cropWidth,
      height: cropHeight,
    });
  return await image.removeAlpha().raw().toBuffer();
}

/** Bytes 0 … 255 [B·S·S·3] to normalised pixels [B, S, S, 3]. The caller owns the result. */
export function normalisePixels(bytes: Uint8Array, config: PreprocessorConfig): Tensor {
  const { width, height } = config.crop_size;
  return tf.tidy(() => {
    const values = tf.tensor(Float32Array.from(bytes), [
      bytes.length / (width * height * 3),
      height,
      width,
      3,
    ]);
    return normaliseUnit(values.div(255), config);
  });
}

/** Pixels 0 … 1 [B, S, S, 3] to normalised ones. The caller owns the result. */
export function normaliseUnit(pixels: Tensor, { image_mean, image_std }: PreprocessorConfig): Tensor {
  return tf.tidy(() => pixels.sub(tf.tensor1d(image_mean)).div(tf.tensor1d(image_std)));
}
