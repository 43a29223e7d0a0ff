/** cfg.json of SAELens 6.x, to and from our configs. */
import type { Architecture, SaeConfig } from "./config";
import type { SaeMetadata } from "./sae";

/** SAELens's loader takes an old path below 6.0.0. */
const SAE_LENS_VERSION = "6.54.0";

/** Architectures of SAELens's that are JumpReLUs once they are trained. */
const FINISHED_AS_JUMPRELU = ["batchtopk", "matryoshka_batchtopk"];

/** The content of cfg.json. */
export function saelensConfig(config: SaeConfig, metadata: SaeMetadata, dtype: string): object {
  const { architecture, dIn, dSae, applyBDecToInput } = config;
  return {
    d_in: dIn,
    d_sae: dSae,
    dtype,
    device: "cpu",
    apply_b_dec_to_input: applyBDecToInput,
    normalize_activations: "none",
    reshape_activations: "none",
    architecture,
    ...(config.architecture === "topk" && {
      k: config.k,
      rescale_acts_by_decoder_norm: config.rescaleActsByDecoderNorm,
    }),
    metadata: {
      sae_lens_version: SAE_LENS_VERSION,
      sae_lens_training_version: null,
      dataset_path: null,
      hook_name: null,
      model_name: null,
      model_class_name: null,
      hook_head_index: null,
      context_size: null,
      seqpos_slice: [null],
      prepend_bos: false,
      trained_with: "vitrine",
      ...metadata,
    },
  };
}

export interface ReadConfig {
  config: SaeConfig;
  /** Present where the folder is a training checkpoint whose weights are not those of the finished SAE. */
  checkpoint?: { rescale: boolean };
}

/** The config that cfg.json describes. Throws on settings that would change the numbers without our knowing how. */
export function readSaelensConfig(cfg: Record<string, unknown>, path: string): ReadConfig {
  for (const key of ["d_in", "d_sae"]) {
    if (!Number.isInteger(cfg[key])) throw new Error(`${path}: expected a whole ${key}, got ${cfg[key]}`);
  }
  for (const key of ["normalize_activations", "reshape_activations"]) {
    if ((cfg[key] ?? "none") !== "none") {
      throw new Error(
        `${path}: expected ${key} "none", got "${cfg[key]}" (do: fold it into the weights first)`,
      );
    }
  }
  const linear = {
    dIn: cfg.d_in as number,
    dSae: cfg.d_sae as number,
    applyBDecToInput: (cfg.apply_b_dec_to_input ?? true) as boolean,
  };
  const rescale = (cfg.rescale_acts_by_decoder_norm ?? false) as boolean;
  const architecture = String(cfg.architecture);
  if (FINISHED_AS_JUMPRELU.includes(architecture)) {
    return { config: { architecture: "jumprelu", ...linear }, checkpoint: { rescale } };
  }
  switch (architecture as Architecture) {
    case "standard":
    case "jumprelu":
    case "gated":
      return { config: { architecture: architecture as "standard" | "jumprelu" | "gated", ...linear } };
    case "topk":
      if (!Number.isInteger(cfg.k)) throw new Error(`${path}: expected a whole k, got ${cfg.k}`);
      return {
        config: { architecture: "topk", ...linear, k: cfg.k as number, rescaleActsByDecoderNorm: rescale },
      };
    default:
      throw new Error(
        `${path}: expected architecture standard, topk, jumprelu, gated, ${FINISHED_AS_JUMPRELU.join(" or ")}, got "${architecture}"`,
      );
  }
}
