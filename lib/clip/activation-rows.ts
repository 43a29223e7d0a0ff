/** A hook point's values for many pictures, in several augmented views each, as rows one after another. */

import type { RgbPicture } from "../io";
import { frozen, Random, type Tensor, tf } from "../tensor";
import { augment, GENTLE_AUGMENTATION } from "./augment";
import { asHookPoint, hookPointWidth, type TokenChoice, tokenAxis, tokenCount } from "./hook-points";
import type { Clip } from "./model";
import { normaliseUnit } from "./preprocess";
import { checkTap, runTapped } from "./run";
import { toPatches, visionTower } from "./vision";

export interface ActivationRowOptions {
  /** A hook point of the vision tower, as `blocks.22.hook_resid_post`. */
  hookPoint: string;
  /** "class": a row a picture; "patches": a row a patch, left to right and top to bottom; "all": class token, then patches. */
  tokens: TokenChoice;
  /** Number P of pictures. */
  pictures: number;
  /** Fetches pictures by number; with more than one view all of one size. */
  read: (indices: readonly number[]) => Promise<RgbPicture[]>;
  /** Views of each picture: the first is the picture itself, the others are gently augmented. */
  views: number;
  /** The views follow from it. */
  seed: number;
  /** Pictures computed at a time; another number gives other views. Default 256, or fewer where a picture has many patches. */
  batch?: number;
}

/** Rows a picture and numbers a row. Throws on a hook point or a choice of tokens that the vision tower has not. */
export function activationRowShape(
  clip: Clip,
  { hookPoint, tokens }: Pick<ActivationRowOptions, "hookPoint" | "tokens">,
): { perPicture: number; width: number } {
  const point = asHookPoint(hookPoint, clip.config);
  checkTap(clip, "vision", { tokens });
  const width = hookPointWidth(point, clip.config);
  const all = tokenCount(clip.config);
  if (tokenAxis(point) === undefined || tokens === "class") return { perPicture: 1, width };
  return { perPicture: tokens === "patches" ? all - 1 : all, width };
}

/** Pictures at a time: large enough for full speed, small enough that a block's values stay well below a gigabyte. */
export function defaultPictureBatch(clip: Clip): number {
  return Math.max(1, Math.min(256, Math.round((16 * 257) / tokenCount(clip.config))));
}

/**
 * Rows at the hook point, blocks of float32 [n·W], from row `from` on. Row (v·P + p)·R + r is row r of view v of picture p. Any
 * `from` gives the same rows as starting at 0.
 */
export async function* activationRows(
  clip: Clip,
  options: ActivationRowOptions,
  from = 0,
): AsyncGenerator<Float32Array> {
  const { pictures, views, read, seed, tokens, batch = defaultPictureBatch(clip) } = options;
  const { perPicture, width } = activationRowShape(clip, options);
  const point = asHookPoint(options.hookPoint, clip.config);
  const perView = Math.ceil(pictures / batch);
  const skipped = Math.floor(from / perPicture); // pictures, of all views one after another
  for (let view = Math.floor(skipped / pictures); view < views; view++) {
    for (let part = 0; part < perView; part++) {
      const first = part * batch;
      const last = Math.min(pictures, first + batch);
      if (view * pictures + last <= skipped) continue;
      const indices = Array.from({ length: last - first }, (_, i) => first + i);
      const random = new Random(`view/${seed}/${view}/${part}`);
      const patches = await viewPatches(clip, await read(indices), view, random);
      const { cache } = runTapped({ read: [point], tokens }, (tap) =>
        visionTower(patches, clip.parameters, clip.config, { tap, ops: frozen }),
      );
      const value = cache[point];
      // Scores and patterns have heads before queries; a row is all that one query has.
      const byToken = tokens === "class" || tokenAxis(point) !== 2 ? value : value.transpose([0, 2, 1, 3]);
      const rows = byToken.dataSync() as Float32Array;
      tf.dispose([patches, value, byToken]);
      yield rows.subarray(Math.max(0, from - (view * pictures + first) * perPicture) * width);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function viewPatches(
  clip: Clip,
  pictures: RgbPicture[],
  view: number,
  random: Random,
): Promise<Tensor> {
  if (view === 0) return await clip.patches(pictures);
  const { width: side, height } = pictures[0];
  if (pictures.some((picture) => picture.width !== side || picture.height !== side)) {
    throw new Error(
      `activationRows: expected square pictures of one size, got ${side} x ${height} among them`,
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
