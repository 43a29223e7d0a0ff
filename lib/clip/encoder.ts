/** The pre-norm transformer block that both towers are made of, with named hook points. */
import { attention, layerNorm, linear, type NamedTensors, quickGelu, type Tensor, tf } from "../tensor";
import type { TowerConfig } from "./config";

/**
 * Is called with each intermediate value by its TransformerLens-style name; what it returns goes on in the
 * value's place. It may read or replace, and must not dispose what it is given.
 */
export type Hook = (hookPoint: string, value: Tensor) => Tensor;

export interface BlockOptions {
  hook: Hook;
  /** Added to the attention scores, [T, T]. */
  mask?: Tensor;
  /** Computes only the first token's row of the output: [B, 1, D]. */
  firstTokenOnly?: boolean;
}

/**
 * Block number `layer` of the tower whose parameters start with `tower`. x [B, T, D] -> [B, T, D].
 * Hook points, in order: `blocks.N.hook_resid_pre`, `attn.hook_pattern`, `hook_attn_out`, `hook_resid_mid`,
 * `mlp.hook_pre`, `mlp.hook_post`, `hook_mlp_out`, `hook_resid_post`.
 */
export function encoderBlock(
  x: Tensor,
  parameters: NamedTensors,
  tower: "vision_model" | "text_model",
  layer: number,
  config: TowerConfig,
  { hook, mask, firstTokenOnly = false }: BlockOptions,
): Tensor {
  const block = `${tower}.encoder.layers.${layer}`;
  const at = (point: string, value: Tensor) => hook(`blocks.${layer}.${point}`, value);
  const project = (name: string, value: Tensor) => affine(value, parameters, `${block}.${name}`);
  const norm = (name: string, value: Tensor) =>
    normalise(value, parameters, `${block}.${name}`, config.layer_norm_eps);
  const first = (value: Tensor) => (firstTokenOnly ? value.slice([0, 0, 0], [-1, 1, -1]) : value);

  const residPre = at("hook_resid_pre", x);
  const normed = norm("layer_norm1", residPre);
  const mixed = attention(
    project("self_attn.q_proj", first(normed)),
    project("self_attn.k_proj", normed),
    project("self_attn.v_proj", normed),
    config.num_attention_heads,
    { mask, onPattern: (pattern) => at("attn.hook_pattern", pattern) },
  );
  const attnOut = at("hook_attn_out", project("self_attn.out_proj", mixed));
  const residMid = at("hook_resid_mid", first(residPre).add(attnOut));
  const pre = at("mlp.hook_pre", project("mlp.fc1", norm("layer_norm2", residMid)));
  const post = at("mlp.hook_post", quickGelu(pre));
  const mlpOut = at("hook_mlp_out", project("mlp.fc2", post));
  return at("hook_resid_post", residMid.add(mlpOut));
}

/** The linear map `name` (with bias) on the last axis. */
export function affine(x: Tensor, parameters: NamedTensors, name: string): Tensor {
  const flat = x.reshape([-1, x.shape[x.shape.length - 1]]);
  const y = linear(flat, parameters[`${name}.weight`], parameters[`${name}.bias`]);
  return y.reshape([...x.shape.slice(0, -1), y.shape[1] as number]);
}

/** The layer norm `name` on the last axis. */
export function normalise(x: Tensor, parameters: NamedTensors, name: string, epsilon: number): Tensor {
  return layerNorm(x, parameters[`${name}.weight`], parameters[`${name}.bias`], epsilon);
}

/** A projection without bias: x [B, D], weight [P, D] -> [B, P]. */
export function embed(x: Tensor, parameters: NamedTensors, name: string): Tensor {
  return tf.matMul(x, parameters[`${name}.weight`], false, true);
}
