/** CLIP's vision tower: picture -> patches -> transformer -> the class token's embedding. */
import { frozen, type NamedTensors, type Tensor, type TransformerOps, tf, trainable } from "../tensor";
import { type ClipConfig, patchCount, patchesPerSide, type VisionConfig } from "./config";
import { encoderBlocks, normalise, towerHead } from "./encoder";
import { Tap } from "./tap";

/** The head's parameters. */
const HEAD = { norm: "vision_model.post_layernorm", projection: "visual_projection" };

export interface VisionOptions {
  /** Reads or replaces values at hook points. Default: leaves them alone and runs to the end. */
  tap?: Tap;
  /** How to compute: `trainable` (the default), or `frozen` for models that are not trained. */
  ops?: TransformerOps;
  /**
   * Which patches to look at, one row a picture: int32 [B, S] of numbers below the patch count. Default: all.
   * Training on a part of the patches is cheaper and regularises (Li et al., 2023, FLIP).
   */
  keptPatches?: Int32Array;
}

/**
 * Cuts pictures into patches. pixels [B, S, S, 3] -> [B, N, 3·P·P], each patch in the order channel, row, column of
 * PyTorch's convolution weights.
 */
export function toPatches(pixels: Tensor, vision: VisionConfig): Tensor {
  const { image_size, patch_size, num_channels } = vision;
  const side = patchesPerSide(vision);
  const used = side * patch_size;
  return tf.tidy(() =>
    (used === image_size ? pixels : pixels.slice([0, 0, 0, 0], [-1, used, used, -1]))
      .reshape([-1, side, patch_size, side, patch_size * num_channels])
      .transpose([0, 1, 3, 2, 4]) // [B, side, side, P, P·3]
      .reshape([-1, patch_size * patch_size, num_channels])
      .transpose([0, 2, 1]) // [B·N, 3, P·P]
      .reshape([-1, side * side, num_channels * patch_size * patch_size]),
  );
}

/**
 * The tower, as far as the tap needs it. patches [B, N, 3·P·P] from `toPatches` -> the embeddings, not normalised [B, P], or null
 * when the tap has all it wants before the end. Call it inside `tf.tidy`.
 */
export function visionTower(
  patches: Tensor,
  parameters: NamedTensors,
  config: ClipConfig,
  { tap = new Tap({ toEnd: true }), ops = trainable, keptPatches }: VisionOptions = {},
): Tensor | undefined {
  const { vision_config: vision } = config;
  const epsilon = vision.layer_norm_eps;
  tap.chooseTokensBy((value, axis) => {
    if (tap.tokens === "all") return value.clone();
    const [start, size] = [value.shape.map(() => 0), value.shape.slice()];
    if (tap.tokens === "class") {
      size[axis] = 1;
      return value.slice(start, size).squeeze([axis]);
    }
    start[axis] = 1;
    size[axis] -= 1;
    return value.slice(start, size);
  });
  const full = embedPositions(patches, parameters, vision, tap, keptPatches); // [B, T, D]
  if (tap.finished) return undefined;
  const lnPre = normalise(full, parameters, "vision_model.pre_layrnorm", epsilon, ops);
  const stream = encoderBlocks(tap.at("hook_ln_pre", lnPre), parameters, "vision", vision, {
    ops,
    tap,
    firstTokenPools: true,
  });
  if (tap.finished) return undefined;
  const classToken = stream.slice([0, 0, 0], [-1, 1, -1]).reshape([-1, vision.hidden_size]); // [B, D]
  return towerHead(classToken, parameters, HEAD, epsilon, { ops, tap });
}

/** Class token and patches with their positions: what goes into the first layer norm. -> [B, T, D] */
function embedPositions(
  patches: Tensor,
  parameters: NamedTensors,
  vision: VisionConfig,
  tap: Tap,
  keptPatches?: Int32Array,
): Tensor {
  const count = patchCount(vision);
  const batch = patches.shape[0];
  const width = vision.hidden_size;
  const embeddings = "vision_model.embeddings";
  const kernel = parameters[`${embeddings}.patch_embedding.weight`].reshape([width, -1]); // [D, 3·P·P]
  const positions = parameters[`${embeddings}.position_embedding.weight`]; // [N+1, D]
  const classRow = parameters[`${embeddings}.class_embedding`].reshape([1, 1, width]);
  const classRows = tf.ones([batch, 1, 1]).mul(classRow); // [B, 1, D]

  let chosen = patches.reshape([batch * count, -1]); // [B·S, 3·P·P]
  let places: Tensor = positions.expandDims(0); // [1, T, D]
  if (keptPatches) {
    const kept = keptPatches.length / batch;
    const flat = Int32Array.from(keptPatches, (patch, i) => Math.floor(i / kept) * count + patch);
    chosen = chosen.gather(tf.tensor1d(flat, "int32"));
    // A product with one-hot rows, not a gather: its gradient is a product too, fast and the same every time.
    const oneHot = tf.oneHot(tf.tensor1d(keptPatches, "int32"), count);
    const patchPlaces = tf.matMul(oneHot, positions.slice([1, 0], [count, width]));
    const classPlaces = tf.ones([batch, 1, 1]).mul(positions.slice([0, 0], [1, width]));
    places = tf.concat([classPlaces, patchPlaces.reshape([batch, kept, width])], 1); // [B, T, D]
  }
  const patchRows = tf.matMul(chosen, kernel, false, true).reshape([batch, -1, width]); // [B, S, D]
  const embed = tap.at("hook_embed", tf.concat([classRows, patchRows], 1)); // [B, T, D]
  if (tap.wants("hook_pos_embed")) {
    const each = keptPatches ? places : places.tile([batch, 1, 1]);
    places = tap.at("hook_pos_embed", each); // [B, T, D]
  }
  return tap.at("hook_full_embed", embed.add(places));
}

/** Picture embeddings, not normalised. patches [B, N, 3·P·P] -> [B, P]. Differentiable in the parameters. */
export function embedPatches(
  patches: Tensor,
  parameters: NamedTensors,
  config: ClipConfig,
  options: Omit<VisionOptions, "tap"> = {},
): Tensor {
  return tf.tidy(() => visionTower(patches, parameters, config, options) as Tensor);
}

/** What the head makes of a residual stream's class token, as if it were the last block's. classToken [B, D] -> embeddings, not normalised [B, P]. */
export function projectClassToken(classToken: Tensor, parameters: NamedTensors, config: ClipConfig): Tensor {
  const { layer_norm_eps } = config.vision_config;
  const options = { ops: frozen, tap: new Tap({ toEnd: true }) };
  return tf.tidy(() => towerHead(classToken, parameters, HEAD, layer_norm_eps, options) as Tensor);
}
