/** CLIP's vision tower: picture -> patches -> transformer -> the class token's embedding. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import { type ClipConfig, patchCount, type VisionConfig } from "./config";
import { embed, encoderBlock, type Hook, normalise } from "./encoder";

export interface VisionOptions {
  /** Reads or replaces intermediate values. Default: leaves them alone. */
  hook?: Hook;
  /**
   * Which patches to look at, one row a picture: int32 [B, S] of numbers below the patch count. Default: all.
   * Training on a part of the patches is cheaper and regularises (Li et al., 2023, FLIP).
   */
  keptPatches?: Int32Array;
  /** Run only this many blocks. Default: all. */
  blocks?: number;
  /** Of the last block that runs compute only the class token's row: the result is [B, 1, D]. */
  classTokenOnly?: boolean;
}

/**
 * Cuts pictures into patches. pixels [B, S, S, 3] -> [B, N, 3·P·P], each patch in the order channel, row, column of
 * PyTorch's convolution weights.
 */
export function toPatches(pixels: Tensor, { image_size, patch_size, num_channels }: VisionConfig): Tensor {
  const side = image_size / patch_size;
  return tf.tidy(() =>
    pixels
      .reshape([-1, side, patch_size, side, patch_size * num_channels])
      .transpose([0, 1, 3, 2, 4]) // [B, side, side, P, P·3]
      .reshape([-1, patch_size * patch_size, num_channels])
      .transpose([0, 2, 1]) // [B·N, 3, P·P]
      .reshape([-1, side * side, num_channels * patch_size * patch_size]),
  );
}

/**
 * The residual stream after the last block that runs. patches [B, N, 3·P·P] from `toPatches` -> [B, T, D], or [B, 1, D]
 * with `classTokenOnly`. Call it inside `tf.tidy`.
 */
export function visionResidual(
  patches: Tensor,
  parameters: NamedTensors,
  config: VisionConfig,
  options: VisionOptions = {},
): Tensor {
  const {
    hook = (_, value) => value,
    keptPatches,
    blocks = config.num_hidden_layers,
    classTokenOnly,
  } = options;
  const count = patchCount(config);
  const batch = patches.shape[0];
  const width = config.hidden_size;
  const embeddings = "vision_model.embeddings";
  const kernel = parameters[`${embeddings}.patch_embedding.weight`].reshape([width, -1]); // [D, 3·P·P]
  const positions = parameters[`${embeddings}.position_embedding.weight`]; // [N+1, D]
  const classRow = parameters[`${embeddings}.class_embedding`].add(positions.slice([0, 0], [1, width])); // [1, D]
  const patchPositions = positions.slice([1, 0], [count, width]);

  let patchRows: Tensor; // [B, S, D]
  if (keptPatches) {
    const kept = keptPatches.length / batch;
    const flat = Int32Array.from(keptPatches, (patch, i) => Math.floor(i / kept) * count + patch);
    const chosen = patches.reshape([batch * count, -1]).gather(tf.tensor1d(flat, "int32"));
    // A product with one-hot rows, not a gather: its gradient is a product too, fast and the same every time.
    const oneHot = tf.oneHot(tf.tensor1d(keptPatches, "int32"), count);
    patchRows = tf
      .matMul(chosen, kernel, false, true)
      .add(tf.matMul(oneHot, patchPositions))
      .reshape([batch, kept, width]);
  } else {
    patchRows = tf
      .matMul(patches.reshape([batch * count, -1]), kernel, false, true)
      .reshape([batch, count, width])
      .add(patchPositions);
  }
  const classRows = tf.ones([batch, 1, 1]).mul(classRow); // [B, 1, D]
  let x: Tensor = hook("hook_full_embed", tf.concat([classRows, patchRows], 1)); // [B, T, D]
  x = hook("hook_ln_pre", normalise(x, parameters, "vision_model.pre_layrnorm", config.layer_norm_eps));
  for (let layer = 0; layer < blocks; layer++) {
    const firstTokenOnly = classTokenOnly && layer === blocks - 1;
    x = encoderBlock(x, parameters, "vision_model", layer, config, { hook, firstTokenOnly });
  }
  return x;
}

/** Picture embeddings, not normalised. patches [B, N, 3·P·P] -> [B, P]. Differentiable in the parameters. */
export function embedPatches(
  patches: Tensor,
  parameters: NamedTensors,
  config: ClipConfig,
  options: Pick<VisionOptions, "hook" | "keptPatches"> = {},
): Tensor {
  return tf.tidy(() => {
    const { vision_config: vision } = config;
    const residual = visionResidual(patches, parameters, vision, { ...options, classTokenOnly: true });
    return projectClassToken(residual.reshape([-1, vision.hidden_size]), parameters, config);
  });
}

/** From the class token's last residual stream to the embedding. classToken [B, D] -> [B, P]. */
export function projectClassToken(classToken: Tensor, parameters: NamedTensors, config: ClipConfig): Tensor {
  const { layer_norm_eps } = config.vision_config;
  const pooled = normalise(classToken, parameters, "vision_model.post_layernorm", layer_norm_eps);
  return embed(pooled, parameters, "visual_projection");
}
