/** The pre-norm transformer that both towers are made of, with named hook points. */
import { type NamedTensors, recordingGradients, type Tensor, type TransformerOps, tf } from "../tensor";
import type { TowerConfig } from "./config";
import type { BlockPoint, HookPoint, Tower } from "./hook-points";
import type { Tap } from "./tap";
import { runBlocks } from "./whole-blocks";

export interface EncoderOptions {
  ops: TransformerOps;
  tap: Tap;
  /** Added to the attention scores, [T, T]. */
  mask?: Tensor;
  /**
   * Whether only the first token's row of the last block is needed for the output: it is then all that is computed, unless the tap
   * looks at others.
   */
  firstTokenPools?: boolean;
}

/**
 * The blocks, as far as the tap needs them. x [B, T, D] -> [B, T, D], or [B, 1, D] where only the first token's row was
 * computed. Disposes x unless gradients are recorded. Call it inside `tf.tidy`.
 */
export function encoderBlocks(
  x: Tensor,
  parameters: NamedTensors,
  tower: Tower,
  config: TowerConfig,
  options: EncoderOptions,
): Tensor {
  const { tap, ops, mask, firstTokenPools = false } = options;
  const layers = config.num_hidden_layers;
  const last = tap.lastBlock(layers);
  // A tape may still need what went in; without one its memory is better used again.
  const replace = (old: Tensor, next: Tensor) => {
    if (!recordingGradients()) old.dispose();
    return next;
  };
  const firstTokenOnly = (layer: number) =>
    firstTokenPools && layer === last && !tap.seesAllTokens(layer, layers);
  const runsWhole = (layer: number) =>
    ops.wholeBlocks && !recordingGradients() && !firstTokenOnly(layer) && !tap.looksInside(layer, layers);
  let stream = x;
  for (let layer = 0; layer <= last && !tap.finished; ) {
    const before = layer;
    if (runsWhole(layer)) {
      stream = replace(stream, tap.at(`blocks.${layer}.hook_resid_pre`, stream).clone());
      if (tap.finished) break;
      // As far as nobody looks at the stream in between.
      do layer++;
      while (
        layer <= last &&
        runsWhole(layer) &&
        !tap.wants(`blocks.${layer - 1}.hook_resid_post`) &&
        !tap.wants(`blocks.${layer}.hook_resid_pre`)
      );
      const out = runBlocks(stream, parameters, tower, config, { from: before, to: layer, causal: !!mask });
      stream = replace(stream, out);
      stream = replace(stream, tap.at(`blocks.${layer - 1}.hook_resid_post`, stream).clone());
    } else {
      const next = tf.tidy(() =>
        encoderBlock(stream, parameters, tower, layer, config, {
          ...options,
          firstTokenOnly: firstTokenOnly(layer),
        }),
      );
      stream = replace(stream, next);
      layer++;
    }
  }
  return stream;
}

/** One block, up to the last hook point that the tap still needs. x [B, T, D] -> [B, T, D] or [B, 1, D], see above. */
function encoderBlock(
  x: Tensor,
  parameters: NamedTensors,
  tower: Tower,
  layer: number,
  config: TowerConfig,
  { ops, tap, mask, firstTokenOnly }: EncoderOptions & { firstTokenOnly: boolean },
): Tensor {
  const block = `${tower}_model.encoder.layers.${layer}`;
  const heads = config.num_attention_heads;
  const name = (point: BlockPoint): HookPoint => `blocks.${layer}.${point}`;
  const at = (point: BlockPoint, value: Tensor) => tap.at(name(point), value);
  const seen = (point: BlockPoint) => (tap.wants(name(point)) ? (v: Tensor) => at(point, v) : undefined);
  const project = (part: string, value: Tensor) => affine(value, parameters, `${block}.${part}`, ops);
  const norm = (part: string, value: Tensor) =>
    normalise(value, parameters, `${block}.${part}`, config.layer_norm_eps, ops);
  const first = (value: Tensor) => (firstTokenOnly ? value.slice([0, 0, 0], [-1, 1, -1]) : value);
  const split = (value: Tensor) => value.reshape([value.shape[0], value.shape[1] as number, heads, -1]);

  const residPre = at("hook_resid_pre", x);
  if (tap.finished) return residPre.clone();
  const attnOut = tf.tidy(() => {
    const normed = at("ln1.hook_normalized", norm("layer_norm1", residPre));
    const query = at("attn.hook_q", split(project("self_attn.q_proj", first(normed)))); // [B, Q, H, E]
    const key = at("attn.hook_k", split(project("self_attn.k_proj", normed))); // [B, T, H, E]
    const value = at("attn.hook_v", split(project("self_attn.v_proj", normed))); // [B, T, H, E]
    if (tap.finished) return normed;
    const mixed = ops.attention(query, key, value, {
      mask,
      onScores: seen("attn.hook_attn_scores"),
      onPattern: seen("attn.hook_pattern"),
    });
    const z = at("attn.hook_z", mixed); // [B, Q, H, E]
    if (tap.finished) return normed;
    return at(
      "hook_attn_out",
      project("self_attn.out_proj", z.reshape([z.shape[0], -1, config.hidden_size])),
    );
  });
  if (tap.finished) return attnOut;
  const residMid = at("hook_resid_mid", first(residPre).add(attnOut));
  if (tap.finished) return residMid;
  const mlpOut = tf.tidy(() => {
    const normed = at("ln2.hook_normalized", norm("layer_norm2", residMid));
    if (tap.finished) return normed;
    const pre = at("mlp.hook_pre", project("mlp.fc1", normed)); // [B, T, M]
    const post = at("mlp.hook_post", config.hidden_act === "gelu" ? ops.gelu(pre) : ops.quickGelu(pre));
    if (tap.finished) return normed;
    return at("hook_mlp_out", project("mlp.fc2", post));
  });
  if (tap.finished) return mlpOut;
  return at("hook_resid_post", residMid.add(mlpOut));
}

/** The linear map `name` (with bias) on the last axis. */
export function affine(x: Tensor, parameters: NamedTensors, name: string, ops: TransformerOps): Tensor {
  const flat = x.reshape([-1, x.shape[x.shape.length - 1]]);
  const y = ops.linear(flat, parameters[`${name}.weight`], parameters[`${name}.bias`]);
  return y.reshape([...x.shape.slice(0, -1), y.shape[1] as number]);
}

/** The layer norm `name` on the last axis. */
export function normalise(
  x: Tensor,
  parameters: NamedTensors,
  name: string,
  epsilon: number,
  ops: TransformerOps,
): Tensor {
  return ops.layerNorm(x, parameters[`${name}.weight`], parameters[`${name}.bias`], epsilon);
}

/**
 * The last layer norm and the projection of the pooled token. pooled [B, D] -> [B, P], or undefined when the tap has all it wants
 * before the end.
 */
export function towerHead(
  pooled: Tensor,
  parameters: NamedTensors,
  names: { norm: string; projection: string },
  epsilon: number,
  { ops, tap }: EncoderOptions,
): Tensor | undefined {
  if (tap.finished) return undefined;
  const normed = tap.at("hook_ln_final", normalise(pooled, parameters, names.norm, epsilon, ops));
  if (tap.finished) return undefined;
  const weight = parameters[`${names.projection}.weight`]; // [P, D]
  const embedding = tap.at("hook_post_head_pre_normalize", tf.matMul(normed, weight, false, true));
  return tap.finished ? undefined : embedding;
}
