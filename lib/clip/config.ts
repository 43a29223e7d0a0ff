/** The architecture of a CLIP, in the fields of a Hugging Face `CLIPModel` config.json. */

export interface TowerConfig {
  /** Width of the residual stream, D. */
  hidden_size: number;
  /** Width of the MLP's hidden layer. */
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** Epsilon of every layer norm. HF's default is 1e-5. */
  layer_norm_eps: number;
  /** `quick_gelu` is OpenAI's x · sigmoid(1.702 x), `gelu` the exact one. */
  hidden_act: "quick_gelu" | "gelu";
}

export interface VisionConfig extends TowerConfig {
  /** Side of the input picture, pixels. */
  image_size: number;
  /** Side of a patch, pixels. */
  patch_size: number;
  num_channels: 3;
}

export interface TextConfig extends TowerConfig {
  vocab_size: number;
  /** Longest text in tokens, with both special tokens. */
  max_position_embeddings: number;
  bos_token_id: number;
  /** The token whose place is pooled. */
  eos_token_id: number;
}

export interface ClipConfig {
  /** Width of the shared embedding space. */
  projection_dim: number;
  /** Natural logarithm of the temperature's inverse at the start of training. */
  logit_scale_init_value: number;
  vision_config: VisionConfig;
  text_config: TextConfig;
}

const TOWER_DEFAULTS = { layer_norm_eps: 1e-5, hidden_act: "quick_gelu" };

/** Number of patches of a picture. */
export function patchCount({ image_size, patch_size }: VisionConfig): number {
  return (image_size / patch_size) ** 2;
}

/** Checks what a config.json holds. Throws when a field is missing or asks for what lib/clip has not. */
export function parseClipConfig(json: unknown, where: string): ClipConfig {
  const root = asRecord(json, where);
  const config = {
    ...root,
    vision_config: {
      num_channels: 3,
      ...TOWER_DEFAULTS,
      ...asRecord(root.vision_config, `${where}: vision_config`),
    },
    text_config: { ...TOWER_DEFAULTS, ...asRecord(root.text_config, `${where}: text_config`) },
  } as unknown as ClipConfig;
  const { vision_config: vision, text_config: text } = config;
  requireNumbers(config, ["projection_dim", "logit_scale_init_value"], where);
  const tower = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"] as const;
  requireNumbers(vision, [...tower, "image_size", "patch_size"], `${where}: vision_config`);
  requireNumbers(
    text,
    [...tower, "vocab_size", "max_position_embeddings", "eos_token_id"],
    `${where}: text_config`,
  );
  for (const { hidden_act } of [vision, text]) {
    if (hidden_act !== "quick_gelu" && hidden_act !== "gelu")
      throw new Error(`${where}: expected hidden_act quick_gelu or gelu, got ${hidden_act}`);
  }
  if (vision.image_size % vision.patch_size !== 0) {
    throw new Error(
      `${where}: expected image_size a multiple of patch_size, got ${vision.image_size} and ${vision.patch_size}`,
    );
  }
  return config;
}

function asRecord(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null)
    throw new Error(`${where}: expected an object, got ${value}`);
  return value as Record<string, unknown>;
}

function requireNumbers<T>(object: T, fields: readonly (keyof T & string)[], where: string): void {
  for (const field of fields) {
    if (typeof object[field] !== "number")
      throw new Error(`${where}: expected a number ${field}, got ${object[field]}`);
  }
}
