/** Gradients with respect to the picture: for feature visualisation and saliency. */
import { frozen, type Tensor, tf, withTape } from "../tensor";
import type { HookPoint, TokenChoice } from "./hook-points";
import type { Clip } from "./model";
import { type Cache, checkTap } from "./run";
import { type HookFunctions, Tap } from "./tap";
import { toPatches, visionTower } from "./vision";

export interface PixelGradientOptions<P extends HookPoint> {
  /** The values that the objective is of. */
  hooks: readonly P[];
  /** Which tokens of them. Default "all". */
  tokens?: TokenChoice;
  /** A scalar of the values at `hooks`, made of differentiable ops. What it makes is disposed. */
  objective: (values: Cache<P>) => Tensor;
  /** Values replaced on the way; gradients go through the replacements. */
  replace?: HookFunctions;
}

/**
 * The objective's value and its gradient with respect to normalised pixels [B, S, S, 3], of the same shape. Parameters are constants. The
 * caller owns the gradient. Throws when the objective is not a scalar or does not depend on the pixels.
 */
export function pixelGradient<const P extends HookPoint>(
  clip: Clip,
  pixels: Tensor,
  { hooks, tokens, objective, replace }: PixelGradientOptions<P>,
): { value: number; gradient: Tensor } {
  const tapOptions = { read: hooks, tokens, replace };
  checkTap(clip, "vision", tapOptions);
  const { vision_config } = clip.config;
  return tf.tidy(() => {
    const kept: Tensor[] = [];
    const forward = (input: Tensor): Tensor => {
      const tap = new Tap(tapOptions);
      try {
        const patches = toPatches(input, vision_config);
        visionTower(patches, clip.parameters, clip.config, { tap, ops: frozen });
      } finally {
        kept.push(...tap.values.values());
      }
      const result = objective(Object.fromEntries(tap.values) as Cache<P>);
      if (result.size !== 1) {
        throw new Error(`pixelGradient: expected a scalar objective, got [${result.shape}]`);
      }
      return result.asScalar();
    };
    try {
      const { value, grad } = withTape(() => tf.valueAndGrad(forward)(pixels));
      return { value: value.dataSync()[0], gradient: grad };
    } finally {
      tf.dispose(kept);
    }
  });
}
