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
  /** Side of the input picture, pixels; need not be a multiple of patch_size. */
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
  /** The token whose place is pooled; 2 in files from before it was written right: there the largest number of a row. */
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

/** What Hugging Face's CLIPVisionConfig, CLIPTextConfig and CLIPConfig (transformers 5.24) take where a file says nothing. */
const VISION_DEFAULTS: VisionConfig = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  num_channels: 3,
  image_size: 224,
  patch_size: 32,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
};
const TEXT_DEFAULTS: TextConfig = {
  vocab_size: 49408,
  hidden_size: 512,
  intermediate_size: 2048,
  num_hidden_layers: 12,
  num_attention_heads: 8,
  max_position_embeddings: 77,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
  bos_token_id: 49406,
  eos_token_id: 49407,
};
const ROOT_DEFAULTS = { projection_dim: 512, logit_scale_init_value: 2.6592 };

/** Number of patches along a side; pixels that fill no whole patch are left out, as by a convolution with that stride. */
export function patchesPerSide({ image_size, patch_size }: VisionConfig): number {
  return Math.floor(image_size / patch_size);
}

/** Number of patches of a picture. */
export function patchCount(vision: VisionConfig): number {
  return patchesPerSide(vision) ** 2;
}

/**
 * What a `CLIPModel`'s config.json says, with Hugging Face's defaults for what it leaves out, and with its rule for old files:
 * `vision_config_dict` and `text_config_dict`, themselves filled up with defaults, go before `vision_config` and `text_config`.
 * Throws when a value is of the wrong kind or asks for what lib/clip has not.
 */
export function parseClipConfig(json: unknown, where: string): ClipConfig {
  const { vision_config_dict, text_config_dict, vision_config, text_config, ...root } = given(json, where);
  if (root.model_type !== undefined && root.model_type !== "clip") {
    throw new Error(
      `${where}: expected model_type clip, got ${root.model_type} (do: choose a CLIPModel's checkpoint)`,
    );
  }
  const tower = (
    defaults: object,
    name: string,
    current: unknown,
    old: unknown,
  ): Record<string, unknown> => ({
    ...defaults,
    ...given(current ?? {}, `${where}: ${name}`),
    ...(old ? { ...defaults, ...given(old, `${where}: ${name}_dict`) } : {}),
  });
  const vision = tower(VISION_DEFAULTS, "vision_config", vision_config, vision_config_dict);
  const text = tower(TEXT_DEFAULTS, "text_config", text_config, text_config_dict);
  // Sides may be written as [height, width], and the end of text as a list with one number.
  for (const field of ["image_size", "patch_size"]) vision[field] = oneOf(vision[field]);
  text.eos_token_id = oneOf(text.eos_token_id);
  const config = { ...ROOT_DEFAULTS, ...root, vision_config: vision, text_config: text };
  requireNumbers(config, Object.keys(ROOT_DEFAULTS), where);
  checkTower(vision, VISION_DEFAULTS, `${where}: vision_config`);
  checkTower(text, TEXT_DEFAULTS, `${where}: text_config`);
  const { num_channels, image_size, patch_size } = vision;
  if (num_channels !== 3) throw new Error(`${where}: expected num_channels 3, got ${num_channels}`);
  if (Number(patch_size) > Number(image_size)) {
    throw new Error(`${where}: expected a patch_size of at most ${image_size} pixels, got ${patch_size}`);
  }
  return config as unknown as ClipConfig;
}

function checkTower(tower: Record<string, unknown>, defaults: object, where: string): void {
  requireNumbers(
    tower,
    Object.keys(defaults).filter((field) => field !== "hidden_act"),
    where,
  );
  const { hidden_act, hidden_size, num_attention_heads: heads } = tower;
  if (hidden_act !== "quick_gelu" && hidden_act !== "gelu")
    throw new Error(`${where}: expected hidden_act quick_gelu or gelu, got ${hidden_act}`);
  if (Number(hidden_size) % Number(heads) !== 0)
    throw new Error(`${where}: expected hidden_size a multiple of ${heads} heads, got ${hidden_size}`);
}

/** The value itself, or the one value that all entries of a list have; a list of different ones as it is. */
function oneOf(value: unknown): unknown {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => entry === value[0])
    ? value[0]
    : value;
}

/**
 * The fields of an object that say something: Python writes null for what it was not told. initializer_factor is left out: it matters to a first
 * training alone, and JSON written here says 1, which transformers refuses where it wants 1.0.
 */
function given(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${where}: expected an object, got ${JSON.stringify(value)}`);
  return Object.fromEntries(
    Object.entries(value).filter(([key, entry]) => entry !== null && key !== "initializer_factor"),
  );
}

function requireNumbers(object: Record<string, unknown>, fields: readonly string[], where: string): void {
  for (const field of fields) {
    if (typeof object[field] !== "number")
      throw new Error(`${where}: expected a number ${field}, got ${JSON.stringify(object[field])}`);
  }
}
