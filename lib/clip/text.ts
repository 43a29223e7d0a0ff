/** CLIP's text tower: tokens -> causal transformer -> the embedding at the end-of-text token. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import type { ClipConfig, TextConfig } from "./config";
import { embed, encoderBlock, type Hook, normalise } from "./encoder";

/** Texts as rows of token numbers, padded at the end to one length. */
export interface TokenBatch {
  /** int32 [B, T], row by row. */
  ids: Int32Array;
  /** T, the row length. */
  length: number;
}

/** Text embeddings, not normalised. tokens [B, T] -> [B, P]. Differentiable in the parameters. */
export function embedTokens(
  tokens: TokenBatch,
  parameters: NamedTensors,
  config: ClipConfig,
  hook: Hook = (_, value) => value,
): Tensor {
  return tf.tidy(() => {
    const { text_config: text } = config;
    const { ids, length } = tokens;
    const batch = ids.length / length;
    if (length > text.max_position_embeddings) {
      throw new Error(`embedTokens: expected at most ${text.max_position_embeddings} tokens, got ${length}`);
    }
    const width = text.hidden_size;
    const embeddings = "text_model.embeddings";
    const tokenRows = parameters[`${embeddings}.token_embedding.weight`].gather(tf.tensor1d(ids, "int32"));
    const positions = parameters[`${embeddings}.position_embedding.weight`].slice([0, 0], [length, width]);
    let x: Tensor = hook("hook_full_embed", tokenRows.reshape([batch, length, width]).add(positions));
    const mask = causalMask(length);
    for (let layer = 0; layer < text.num_hidden_layers; layer++) {
      x = encoderBlock(x, parameters, "text_model", layer, text, { hook, mask });
    }
    // The norm acts on each token alone, so pooling first is the same and cheaper.
    const pooled = tf.sum(x.mul(endOfText(tokens, text)), 1); // [B, D]
    const normed = normalise(pooled, parameters, "text_model.final_layer_norm", text.layer_norm_eps);
    return embed(normed, parameters, "text_projection");
  });
}

/** -∞ (in effect) where a token would see a later one. [T, T] */
function causalMask(length: number): Tensor {
  const values = new Float32Array(length * length);
  for (let row = 0; row < length; row++) values.fill(-1e9, row * length + row + 1, (row + 1) * length);
  return tf.tensor2d(values, [length, length]);
}

/**
 * One at each row's first end-of-text token. [B, T, 1]. Checkpoints from before Hugging Face fixed the configuration
 * say `eos_token_id` 2 and mean the largest number in the row.
 */
function endOfText({ ids, length }: TokenBatch, { eos_token_id }: TextConfig): Tensor {
  const batch = ids.length / length;
  const values = new Float32Array(ids.length);
  for (let row = 0; row < batch; row++) {
    const tokens = ids.subarray(row * length, (row + 1) * length);
    const place = eos_token_id === 2 ? tokens.indexOf(Math.max(...tokens)) : tokens.indexOf(eos_token_id);
    if (place < 0) throw new Error(`embedTokens: expected token ${eos_token_id} in row ${row}, got none`);
    values[row * length + place] = 1;
  }
  return tf.tensor3d(values, [batch, length, 1]);
}
