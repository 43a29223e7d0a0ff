/** Where in a picture a feature fires: what its activation loses when a patch is covered. N patches, D width, S picture side. */
import { asHookPoint, type Clip, patchCount, type RgbPicture, runWithCache } from "../clip";
import type { Sae } from "../sae";
import { type Tensor, tf } from "../tensor";

export interface HeatmapOptions {
  clip: Clip;
  sae: Sae;
  /** Where the SAE reads, `blocks.N.hook_resid_post`. */
  hookPoint: string;
  feature: number;
  /** Side of the square of patches that is covered at once. Default 1. */
  window?: number;
  /** Pictures in one run. Default 64. */
  batchSize?: number;
  signal?: AbortSignal;
}

export interface PatchHeatmap {
  /** The feature's activation on the whole picture. */
  activation: number;
  /** Activation lost when a window that holds the patch is covered, averaged over those windows; row by row [N]. */
  drops: Float32Array;
  /** Patches in a row. */
  side: number;
}

/**
 * Covers windows of patches with the training pictures' mean colour (zeros after preprocessing), one at a time, and measures the feature's activation
 * at the class token without them (occlusion; Zeiler and Fergus, 2014).
 */
export async function patchHeatmap(picture: RgbPicture, options: HeatmapOptions): Promise<PatchHeatmap> {
  const { clip, sae, feature, window = 1, batchSize = 64, signal } = options;
  const hookPoint = asHookPoint(options.hookPoint, clip.config);
  const count = patchCount(clip.config.vision_config);
  const side = Math.round(Math.sqrt(count));
  if (!(Number.isInteger(window) && window >= 1 && window <= side)) {
    throw new Error(`patchHeatmap: expected a window of 1 to ${side} patches, got ${window}`);
  }
  const places = side - window + 1;
  /** Row by row of [1 + places², N]: 0 where a patch is covered; the first row covers nothing. */
  const masks = new Float32Array((1 + places * places) * count).fill(1);
  for (let place = 0; place < places * places; place++) {
    for (let i = 0; i < window * window; i++) {
      const row = Math.floor(place / places) + Math.floor(i / window);
      const column = (place % places) + (i % window);
      masks[(1 + place) * count + row * side + column] = 0;
    }
  }
  const activations: number[] = [];
  const whole = await clip.patches([picture]); // [1, N, 3·P·P]
  try {
    for (let from = 0; from <= places * places; from += batchSize) {
      signal?.throwIfAborted();
      const size = Math.min(batchSize, 1 + places * places - from);
      const patches = tf.tidy(() =>
        whole.mul(tf.tensor3d(masks.subarray(from * count, (from + size) * count), [size, count, 1])),
      );
      activations.push(...(await featureActivations(patches, feature, { clip, sae, hookPoint })));
      patches.dispose();
    }
  } finally {
    whole.dispose();
  }
  const [activation, ...covered] = activations;
  const drops = new Float32Array(count);
  const windows = new Float32Array(count);
  covered.forEach((without, place) => {
    for (let patch = 0; patch < count; patch++) {
      if (masks[(1 + place) * count + patch] === 1) continue;
      drops[patch] += activation - without;
      windows[patch]++;
    }
  });
  return { activation, drops: drops.map((sum, patch) => sum / windows[patch]), side };
}

async function featureActivations(
  patches: Tensor,
  feature: number,
  { clip, sae, hookPoint }: { clip: Clip; sae: Sae; hookPoint: ReturnType<typeof asHookPoint> },
): Promise<Float32Array> {
  const cache = await runWithCache(clip, { patches }, { hooks: [hookPoint], tokens: "class" });
  const f = sae.encode(cache[hookPoint]); // [B, F]
  const column = tf.tidy(() => f.slice([0, feature], [-1, 1]).flatten());
  const values = await column.data<"float32">();
  tf.dispose([cache[hookPoint], f, column]);
  return values;
}
