/** CLIP's text tower: tokens -> causal transformer -> the embedding at the end-of-text token. */
import { type NamedTensors, type Tensor, type TransformerOps, tf, trainable } from "../tensor";
import type { ClipConfig, TextConfig } from "./config";
import { encoderBlocks, towerHead } from "./encoder";
import { Tap } from "./tap";

/** Texts as rows of token numbers, padded at the end to one length. */
export interface TokenBatch {
  /** int32 [B, T], row by row. */
  ids: Int32Array;
  /** T, the row length. */
  length: number;
}

export interface TextOptions {
  /** Reads or replaces values at hook points. Default: leaves them alone and runs to the end. */
  tap?: Tap;
  /** How to compute: `trainable` (the default), or `frozen` for models that are not trained. */
  ops?: TransformerOps;
}

/**
 * The tower, as far as the tap needs it. tokens [B, T] -> the embeddings, not normalised [B, P], or undefined when the tap has all it
 * wants before the end. Call it inside `tf.tidy`.
 */
export function textTower(
  tokens: TokenBatch,
  parameters: NamedTensors,
  config: ClipConfig,
  { tap = new Tap({ toEnd: true }), ops = trainable }: TextOptions = {},
): Tensor | undefined {
  const { text_config: text } = config;
  const { ids, length } = tokens;
  const batch = ids.length / length;
  if (length > text.max_position_embeddings) {
    throw new Error(`textTower: expected at most ${text.max_position_embeddings} tokens, got ${length}`);
  }
  const ends = endOfText(tokens, text);
  tap.chooseTokensBy((value, axis) =>
    tap.tokens === "all" ? value.clone() : tf.gather(value, tf.tensor1d(ends, "int32"), axis, 1),
  );
  const width = text.hidden_size;
  const embeddings = "text_model.embeddings";
  const tokenRows = parameters[`${embeddings}.token_embedding.weight`].gather(tf.tensor1d(ids, "int32"));
  const embed = tap.at("hook_embed", tokenRows.reshape([batch, length, width])); // [B, T, D]
  let places: Tensor = parameters[`${embeddings}.position_embedding.weight`]
    .slice([0, 0], [length, width])
    .expandDims(0); // [1, T, D]
  if (tap.wants("hook_pos_embed")) places = tap.at("hook_pos_embed", places.tile([batch, 1, 1]));
  const full = tap.at("hook_full_embed", embed.add(places));
  if (tap.finished) return undefined;
  const mask = causalMask(length);
  const stream = encoderBlocks(full, parameters, "text", text, { ops, tap, mask });
  if (tap.finished) return undefined;
  // The norm acts on each token alone, so pooling first is the same and cheaper. A product, not a gather, because its
  // gradient is the same every time.
  const oneHot = tf.oneHot(tf.tensor1d(ends, "int32"), length).toFloat().expandDims(2); // [B, T, 1]
  const pooled = tf.sum(stream.mul(oneHot), 1); // [B, D]
  const names = { norm: "text_model.final_layer_norm", projection: "text_projection" };
  return towerHead(pooled, parameters, names, text.layer_norm_eps, { ops, tap });
}

/** Text embeddings, not normalised. tokens [B, T] -> [B, P]. Differentiable in the parameters. */
export function embedTokens(
  tokens: TokenBatch,
  parameters: NamedTensors,
  config: ClipConfig,
  options: Omit<TextOptions, "tap"> = {},
): Tensor {
  return tf.tidy(() => textTower(tokens, parameters, config, options) as Tensor);
}

/** -∞ (in effect) where a token would see a later one. [T, T] */
function causalMask(length: number): Tensor {
  const values = new Float32Array(length * length);
  for (let row = 0; row < length; row++) values.fill(-1e9, row * length + row + 1, (row + 1) * length);
  return tf.tensor2d(values, [length, length]);
}

/**
 * The place of each row's first end-of-text token, int32 [B]. Checkpoints from before Hugging Face fixed the configuration say
 * `eos_token_id` 2 and mean the largest number in the row.
 */
function endOfText({ ids, length }: TokenBatch, { eos_token_id }: TextConfig): Int32Array {
  const places = new Int32Array(ids.length / length);
  for (let row = 0; row < places.length; row++) {
    const tokens = ids.subarray(row * length, (row + 1) * length);
    const place = eos_token_id === 2 ? tokens.indexOf(Math.max(...tokens)) : tokens.indexOf(eos_token_id);
    if (place < 0) throw new Error(`textTower: expected token ${eos_token_id} in row ${row}, got none`);
    places[row] = place;
  }
  return places;
}
