/** The class token's residual stream for many pictures, in several augmented views each. */
import { Random, type Tensor, tf } from "../tensor";
import { augment, GENTLE_AUGMENTATION } from "./augment";
import type { Clip } from "./model";
import { normaliseUnit, type RgbPicture } from "./preprocess";
import { toPatches, visionResidual } from "./vision";

export interface ClassTokenOptions {
  /** `blocks.N.hook_resid_post`, N counted from 0. */
  hookPoint: string;
  /** Number P of pictures. */
  pictures: number;
  /** Fetches pictures by number; all of one size. */
  read: (indices: readonly number[]) => Promise<RgbPicture[]>;
  /** Views of each picture: the first is the picture itself, the others are gently augmented. */
  views: number;
  /** The views follow from it. */
  seed: number;
  /** Rows computed at a time; another number gives other views. Default 256. */
  batch?: number;
}

/**
 * Rows of the class token at the hook point, blocks of float32 [n·D], from row `from` on. Row v·P + p is view v of
 * picture p. Any `from` gives the same rows as starting at 0.
 */
export async function* classTokenRows(
  clip: Clip,
  options: ClassTokenOptions,
  from = 0,
): AsyncGenerator<Float32Array> {
  const { pictures, views, read, seed, batch = 256 } = options;
  const blocks = blocksUpTo(options.hookPoint, clip.config.vision_config.num_hidden_layers);
  const perView = Math.ceil(pictures / batch);
  const width = clip.config.vision_config.hidden_size;
  for (let view = Math.floor(from / pictures); view < views; view++) {
    for (let part = 0; part < perView; part++) {
      const first = part * batch;
      const last = Math.min(pictures, first + batch);
      if (view * pictures + last <= from) continue;
      const indices = Array.from({ length: last - first }, (_, i) => first + i);
      const patches = await patchesOf(
        clip,
        await read(indices),
        view,
        new Random(`view/${seed}/${view}/${part}`),
      );
      const rows = tf.tidy(
        () =>
          visionResidual(patches, clip.parameters, clip.config.vision_config, {
            blocks,
            classTokenOnly: true,
          }).dataSync() as Float32Array,
      );
      patches.dispose();
      yield rows.subarray(Math.max(0, from - view * pictures - first) * width);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** How many blocks must run for `blocks.N.hook_resid_post`. Throws on any other hook point. */
function blocksUpTo(hookPoint: string, layers: number): number {
  const number = /^blocks\.(\d+)\.hook_resid_post$/.exec(hookPoint)?.[1];
  if (number === undefined || Number(number) >= layers) {
    throw new Error(
      `classTokenRows: expected blocks.N.hook_resid_post with N from 0 to ${layers - 1}, got "${hookPoint}"`,
    );
  }
  return Number(number) + 1;
}

async function patchesOf(clip: Clip, pictures: RgbPicture[], view: number, random: Random): Promise<Tensor> {
  if (view === 0) return await clip.patches(pictures);
  const { width: side, height } = pictures[0];
  if (pictures.some((picture) => picture.width !== side || picture.height !== side)) {
    throw new Error(
      `classTokenRows: expected square pictures of one size, got ${side} x ${height} among them`,
    );
  }
  return tf.tidy(() => {
    const bytes = Float32Array.from(Buffer.concat(pictures.map(({ data }) => data)));
    const pixels = tf.tensor4d(bytes, [pictures.length, side, side, 3]).div(255);
    const { image_size } = clip.config.vision_config;
    const seen = augment(pixels, image_size, GENTLE_AUGMENTATION, random);
    return toPatches(normaliseUnit(seen, clip.preprocessor), clip.config.vision_config);
  });
}
