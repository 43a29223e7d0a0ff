/** Where in a picture features fire: what their activations lose when patches are covered. N patches, D width, F features. */
import { asHookPoint, type Clip, patchCount, type RgbPicture, runWithCache } from "../clip";
import type { Sae } from "../sae";
import { type Tensor, tf } from "../tensor";

export interface HeatmapsOptions {
  clip: Clip;
  sae: Sae;
  /** Where the SAE reads, `blocks.N.hook_resid_post`. */
  hookPoint: string;
  features: readonly number[];
  /** Side of the square of patches that is covered at once. Default 1. */
  window?: number;
  /** Patches from one window to the next, at most `window`; the last one ends at the picture's edge. Default 1. */
  stride?: number;
  /** Pictures in one run. Default 64. */
  batchSize?: number;
  signal?: AbortSignal;
}

export type HeatmapOptions = Omit<HeatmapsOptions, "features"> & { feature: number };

export interface PatchHeatmap {
  /** The feature's activation on the whole picture. */
  activation: number;
  /** Activation lost when a window that holds the patch is covered, averaged over those windows; row by row [N]. */
  drops: Float32Array;
  /** Patches in a row. */
  side: number;
}

/** `patchHeatmaps` of one feature. */
export async function patchHeatmap(
  picture: RgbPicture,
  { feature, ...options }: HeatmapOptions,
): Promise<PatchHeatmap> {
  const [heatmap] = await patchHeatmaps(picture, { ...options, features: [feature] });
  return heatmap;
}

/**
 * Covers windows of patches with the training pictures' mean colour (zeros after preprocessing), one at a time, and measures the features' activations
 * at the class token without them (occlusion; Zeiler and Fergus, 2014). The runs are the same however many features there are.
 */
export async function patchHeatmaps(picture: RgbPicture, options: HeatmapsOptions): Promise<PatchHeatmap[]> {
  const { clip, sae, features, window = 1, stride = 1, batchSize = 64, signal } = options;
  const hookPoint = asHookPoint(options.hookPoint, clip.config);
  const count = patchCount(clip.config.vision_config);
  const side = Math.round(Math.sqrt(count));
  if (!(Number.isInteger(window) && window >= 1 && window <= side)) {
    throw new Error(`patchHeatmap: expected a window of 1 to ${side} patches, got ${window}`);
  }
  if (!(Number.isInteger(stride) && stride >= 1 && stride <= window)) {
    throw new Error(`patchHeatmap: expected a stride of 1 to ${window} patches, got ${stride}`);
  }
  const starts: number[] = [];
  for (let start = 0; start < side - window; start += stride) starts.push(start);
  starts.push(side - window);
  const places = starts.length ** 2;
  /** Row by row of [1 + places, N]: 0 where a patch is covered; the first row covers nothing. */
  const masks = new Float32Array((1 + places) * count).fill(1);
  for (let place = 0; place < places; place++) {
    const [top, left] = [starts[Math.floor(place / starts.length)], starts[place % starts.length]];
    for (let i = 0; i < window * window; i++) {
      masks[(1 + place) * count + (top + Math.floor(i / window)) * side + left + (i % window)] = 0;
    }
  }
  const n = features.length;
  const activations = new Float32Array((1 + places) * n);
  const whole = await clip.patches([picture]); // [1, N, 3·P·P]
  try {
    for (let from = 0; from <= places; from += batchSize) {
      signal?.throwIfAborted();
      const size = Math.min(batchSize, 1 + places - from);
      const patches = tf.tidy(() =>
        whole.mul(tf.tensor3d(masks.subarray(from * count, (from + size) * count), [size, count, 1])),
      );
      activations.set(await featureActivations(patches, features, { clip, sae, hookPoint }), from * n);
      patches.dispose();
    }
  } finally {
    whole.dispose();
  }
  const windows = new Float32Array(count);
  for (let i = count; i < masks.length; i++) windows[i % count] += 1 - masks[i];
  return features.map((_, column) => {
    const activation = activations[column];
    const drops = new Float32Array(count);
    for (let i = count; i < masks.length; i++) {
      if (masks[i] === 0) drops[i % count] += activation - activations[Math.floor(i / count) * n + column];
    }
    return { activation, drops: drops.map((sum, patch) => sum / windows[patch]), side };
  });
}

/** Of patches [B, N, 3·P·P], row by row [B·n]. */
async function featureActivations(
  patches: Tensor,
  features: readonly number[],
  { clip, sae, hookPoint }: { clip: Clip; sae: Sae; hookPoint: ReturnType<typeof asHookPoint> },
): Promise<Float32Array> {
  const cache = await runWithCache(clip, { patches }, { hooks: [hookPoint], tokens: "class" });
  const f = sae.encode(cache[hookPoint]); // [B, F]
  const chosen = tf.tidy(() => f.gather(tf.tensor1d(Int32Array.from(features), "int32"), 1));
  const values = await chosen.data<"float32">();
  tf.dispose([cache[hookPoint], f, chosen]);
  return values;
}
