/**
 * The places inside of both towers whose values can be read or replaced, by the names of TransformerLens and ViT-Prisma.
 * B batch, T tokens, D width, H heads, E = D / H, M the MLP's hidden width, P the shared space.
 */
import { type ClipConfig, patchCount, type TowerConfig } from "./config";
import { nearestName } from "./nearest-name";

export type Tower = "vision" | "text";

/** Which tokens of a value are kept: the class token (vision), the end-of-text token (text), the patches, or all. */
export type TokenChoice = "class" | "end" | "patches" | "all";

/** Before the blocks, in order. `hook_ln_pre` is the vision tower's alone. All are [B, T, D]. */
const EMBEDDING_POINTS = ["hook_embed", "hook_pos_embed", "hook_full_embed", "hook_ln_pre"] as const;

/** Of each block, in the order in which they are computed. */
const BLOCK_POINTS = [
  "hook_resid_pre", // [B, T, D]
  "ln1.hook_normalized", // [B, T, D], with gain and bias
  "attn.hook_q", // [B, T, H, E], not yet scaled
  "attn.hook_k", // [B, T, H, E]
  "attn.hook_v", // [B, T, H, E]
  "attn.hook_attn_scores", // [B, H, T, T], scaled; -1e9 where the text tower's mask hides a token
  "attn.hook_pattern", // [B, H, T, T], rows sum to 1
  "attn.hook_z", // [B, T, H, E]
  "hook_attn_out", // [B, T, D]
  "hook_resid_mid", // [B, T, D]
  "ln2.hook_normalized", // [B, T, D], with gain and bias
  "mlp.hook_pre", // [B, T, M]
  "mlp.hook_post", // [B, T, M]
  "hook_mlp_out", // [B, T, D]
  "hook_resid_post", // [B, T, D]
] as const;

/** After the blocks, of the pooled token alone: the last layer norm [B, D], the projection before normalising [B, P]. */
const HEAD_POINTS = ["hook_ln_final", "hook_post_head_pre_normalize"] as const;

export type EmbeddingPoint = (typeof EMBEDDING_POINTS)[number];
export type BlockPoint = (typeof BLOCK_POINTS)[number];
export type HeadPoint = (typeof HEAD_POINTS)[number];
/** Blocks are counted from 0: `blocks.22.hook_resid_post`. */
export type HookPoint = EmbeddingPoint | `blocks.${number}.${BlockPoint}` | HeadPoint;

/** All hook points of a tower, in the order in which they are computed. */
export function hookPoints(config: ClipConfig, tower: Tower = "vision"): HookPoint[] {
  const before = EMBEDDING_POINTS.filter((point) => tower === "vision" || point !== "hook_ln_pre");
  const blocks = Array.from({ length: towerConfig(config, tower).num_hidden_layers }, (_, layer) =>
    BLOCK_POINTS.map((point): HookPoint => `blocks.${layer}.${point}`),
  );
  return [...before, ...blocks.flat(), ...HEAD_POINTS];
}

/** Checks that `name` is a hook point of the tower. Throws, with the nearest name there is, when it is not. */
export function asHookPoint(name: string, config: ClipConfig, tower: Tower = "vision"): HookPoint {
  const points = hookPoints(config, tower);
  if ((points as string[]).includes(name)) return name as HookPoint;
  const layers = towerConfig(config, tower).num_hidden_layers;
  throw new Error(
    `hook point: expected a name in the ${tower} tower of ${layers} blocks, got "${name}" (do: ${nearestName(name, points)})`,
  );
}

/** The block a hook point is in: -1 before the blocks, the number of blocks after them. */
export function blockOf(point: HookPoint, layers: number): number {
  const number = /^blocks\.(\d+)\./.exec(point)?.[1];
  if (number !== undefined) return Number(number);
  return (HEAD_POINTS as readonly string[]).includes(point) ? layers : -1;
}

/** The axis of a hook point's value along which tokens lie; of scores and patterns the queries'. undefined: pooled. */
export function tokenAxis(point: HookPoint): 1 | 2 | undefined {
  if ((HEAD_POINTS as readonly string[]).includes(point)) return undefined;
  return /attn\.hook_(attn_scores|pattern)$/.test(point) ? 2 : 1;
}

/** How many tokens a picture has, or a text at most. */
export function tokenCount(config: ClipConfig, tower: Tower = "vision"): number {
  return tower === "vision"
    ? patchCount(config.vision_config) + 1
    : config.text_config.max_position_embeddings;
}

/** How many numbers a hook point has for one token: D, M, H·E, P, or H·T for scores and patterns. */
export function hookPointWidth(point: HookPoint, config: ClipConfig, tower: Tower = "vision"): number {
  const { hidden_size, intermediate_size, num_attention_heads } = towerConfig(config, tower);
  if (point === "hook_post_head_pre_normalize") return config.projection_dim;
  if (/mlp\.hook_(pre|post)$/.test(point)) return intermediate_size;
  if (tokenAxis(point) === 2) return num_attention_heads * tokenCount(config, tower);
  return hidden_size;
}

export function towerConfig(config: ClipConfig, tower: Tower): TowerConfig {
  return tower === "vision" ? config.vision_config : config.text_config;
}
