/** Random views of pictures for contrastive training: shape, colour, sharpness, all in a few tensor ops a batch. */
import { type Random, rawOp, type Tensor, tf } from "../tensor";

/** How far views go. Each number is the end of a uniform range, or a share of the pictures (0 … 1). */
export interface AugmentOptions {
  /** Largest rotation either way, degrees. */
  rotation: number;
  /** Smallest and largest size relative to the whole picture. */
  zoom: readonly [number, number];
  /** Largest ratio by which width and height are stretched against each other, minus one. */
  stretch: number;
  /** Largest shear either way (tangent). */
  shear: number;
  /** Largest shift either way, as a share of the side. */
  shift: number;
  /** Share of pictures whose colours change. */
  colour: number;
  /** Share of pictures that lose all colour. */
  grey: number;
  /** Share of pictures whose channels are permuted: the strongest change of hue. */
  permute: number;
  /** Share of pictures reduced to their outlines. */
  outline: number;
  /** Strongest sharpening (negative) and blurring (at most 1). */
  blur: readonly [number, number];
}

/** Strong: what carries over between drawing styles is shape and arrangement rather than texture and exact colour. */
export const STRONG_AUGMENTATION: AugmentOptions = {
  rotation: 12,
  zoom: [0.75, 1.15],
  stretch: 0.18,
  shear: 0.1,
  shift: 0.07,
  colour: 0.7,
  grey: 0.1,
  permute: 0.04,
  outline: 0.08,
  blur: [-0.6, 0.8],
};

/** Gentle: other views of what is plainly the same picture, for collecting activations. */
export const GENTLE_AUGMENTATION: AugmentOptions = {
  rotation: 8,
  zoom: [0.85, 1.1],
  stretch: 0.08,
  shear: 0.05,
  shift: 0.05,
  colour: 0.5,
  grey: 0,
  permute: 0,
  outline: 0,
  blur: [-0.3, 0.5],
};

/**
 * One random view of each picture. pixels [B, S, S, 3] in 0 … 1 -> [B, size, size, 3] in 0 … 1. White stays white:
 * colours act on the ink (1 - pixel). The caller owns the result.
 */
export function augment(pixels: Tensor, size: number, options: AugmentOptions, random: Random): Tensor {
  const batch = pixels.shape[0];
  return tf.tidy(() => {
    const warped = warp(pixels, size, options, random);
    const ink = tf.sub(1, warped);
    const soft = tf.avgPool(ink as Tensor & { rank: 4 } as never, 3, 1, "same") as Tensor;
    const detail = ink.sub(soft);
    const [least, most] = options.blur;
    const blur = perPicture(batch, () => -(least + (most - least) * random.uniform()));
    const outline = perPicture(batch, () => (random.uniform() < options.outline ? 1 : 0));
    const sharpened = ink.add(detail.mul(blur));
    const edges = detail.abs().mul(5);
    const drawn = sharpened.add(outline.mul(edges.sub(sharpened))).clipByValue(0, 1);
    const matrices = colourMatrices(batch, options, random); // [B, 3, 3]
    const coloured = tf.matMul(drawn.reshape([batch, -1, 3]), matrices).reshape([batch, size, size, 3]);
    return tf.sub(1, coloured.clipByValue(0, 1));
  });
}

/** A random affine map a picture, from [B, S, S, 3] to [B, size, size, 3], bilinear, white outside. */
function warp(pixels: Tensor, size: number, options: AugmentOptions, random: Random): Tensor {
  const [batch, side] = pixels.shape;
  const transforms = new Float32Array(batch * 8);
  const spread = (limit: number) => (2 * random.uniform() - 1) * limit;
  for (let i = 0; i < batch; i++) {
    const angle = (spread(options.rotation) * Math.PI) / 180;
    const zoom = options.zoom[0] + (options.zoom[1] - options.zoom[0]) * random.uniform();
    const stretch = Math.exp(spread(Math.log(1 + options.stretch)) / 2);
    const shear = spread(options.shear);
    const scaleX = side / (size * zoom * stretch);
    const scaleY = (side * stretch) / (size * zoom);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const a = cos * scaleX;
    const b = (shear * cos - sin) * scaleY;
    const c = sin * scaleX;
    const d = (shear * sin + cos) * scaleY;
    // Output pixel centres (x, y) to input ones: the middle goes to the middle, moved by the shift.
    const [middleIn, middleOut] = [(side - 1) / 2, (size - 1) / 2];
    const moveX = middleIn + spread(options.shift) * side - a * middleOut - b * middleOut;
    const moveY = middleIn + spread(options.shift) * side - c * middleOut - d * middleOut;
    transforms.set([a, b, moveX, c, d, moveY, 0, 0], i * 8);
  }
  return rawOp(
    "ImageProjectiveTransformV3",
    [pixels, tf.tensor2d(transforms, [batch, 8]), tf.tensor1d([size, size], "int32"), tf.scalar(1)],
    { dtype: { dtype: "float32" }, interpolation: "BILINEAR", fill_mode: "CONSTANT" },
  );
}

const LUMA = [0.299, 0.587, 0.114];

/** Linear maps of ink (row vectors, from the right): saturation, hue, gain by channel, contrast. [B, 3, 3] */
function colourMatrices(batch: number, options: AugmentOptions, random: Random): Tensor {
  const values = new Float32Array(batch * 9);
  for (let i = 0; i < batch; i++) {
    let matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    if (random.uniform() < options.permute) {
      const order = random.permutation(3);
      matrix = matrix.map((_, at) => (order[Math.floor(at / 3)] === at % 3 ? 1 : 0));
    }
    if (random.uniform() < options.colour) {
      const saturation = 0.3 + 1.2 * random.uniform();
      matrix = product(matrix, saturate(saturation));
      matrix = product(matrix, rotateHue(((2 * random.uniform() - 1) * 30 * Math.PI) / 180));
      const contrast = 0.6 + 0.8 * random.uniform();
      const gain = [0, 1, 2].map(() => contrast * (0.85 + 0.3 * random.uniform()));
      matrix = matrix.map((value, at) => value * gain[at % 3]);
    }
    if (random.uniform() < options.grey) matrix = product(matrix, saturate(0));
    values.set(matrix, i * 9);
  }
  return tf.tensor3d(values, [batch, 3, 3]);
}

function saturate(amount: number): number[] {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    return (row === column ? amount : 0) + (1 - amount) * LUMA[row];
  });
}

/** Rotation of colour space about the grey axis (Rodrigues). */
function rotateHue(angle: number): number[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const third = (1 - cos) / 3;
  const cross = Math.sqrt(1 / 3) * sin;
  return [
    cos + third,
    third + cross,
    third - cross,
    third - cross,
    cos + third,
    third + cross,
    third + cross,
    third - cross,
    cos + third,
  ];
}

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    return a[3 * row] * b[column] + a[3 * row + 1] * b[3 + column] + a[3 * row + 2] * b[6 + column];
  });
}

/** One number a picture, broadcast over its pixels. [B, 1, 1, 1] */
function perPicture(batch: number, draw: () => number): Tensor {
  return tf.tensor4d(Float32Array.from({ length: batch }, draw), [batch, 1, 1, 1]);
}
