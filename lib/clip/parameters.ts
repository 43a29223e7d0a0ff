/** The names and shapes of a CLIP's parameters, as in a Hugging Face checkpoint, and their initial values. */
import { type NamedTensors, type Random, tf } from "../tensor";
import { type ClipConfig, patchCount, type TowerConfig } from "./config";

/** Name -> shape of every parameter, in a fixed order. Linear weights are [out, in] as in PyTorch. */
export function parameterShapes(config: ClipConfig): Map<string, number[]> {
  const { vision_config: vision, text_config: text, projection_dim } = config;
  const shapes = new Map<string, number[]>();
  const norm = (name: string, width: number) => {
    shapes.set(`${name}.weight`, [width]).set(`${name}.bias`, [width]);
  };
  const linear = (name: string, out: number, input: number) => {
    shapes.set(`${name}.weight`, [out, input]).set(`${name}.bias`, [out]);
  };
  const blocks = (prefix: string, tower: TowerConfig) => {
    for (let layer = 0; layer < tower.num_hidden_layers; layer++) {
      const block = `${prefix}.encoder.layers.${layer}`;
      for (const part of ["q_proj", "k_proj", "v_proj", "out_proj"]) {
        linear(`${block}.self_attn.${part}`, tower.hidden_size, tower.hidden_size);
      }
      norm(`${block}.layer_norm1`, tower.hidden_size);
      linear(`${block}.mlp.fc1`, tower.intermediate_size, tower.hidden_size);
      linear(`${block}.mlp.fc2`, tower.hidden_size, tower.intermediate_size);
      norm(`${block}.layer_norm2`, tower.hidden_size);
    }
  };

  shapes.set("logit_scale", []);
  shapes.set("vision_model.embeddings.class_embedding", [vision.hidden_size]);
  shapes.set("vision_model.embeddings.patch_embedding.weight", [
    vision.hidden_size,
    vision.num_channels,
    vision.patch_size,
    vision.patch_size,
  ]);
  shapes.set("vision_model.embeddings.position_embedding.weight", [
    patchCount(vision) + 1,
    vision.hidden_size,
  ]);
  norm("vision_model.pre_layrnorm", vision.hidden_size); // sic: the checkpoint's spelling
  blocks("vision_model", vision);
  norm("vision_model.post_layernorm", vision.hidden_size);
  shapes.set("visual_projection.weight", [projection_dim, vision.hidden_size]);

  shapes.set("text_model.embeddings.token_embedding.weight", [text.vocab_size, text.hidden_size]);
  shapes.set("text_model.embeddings.position_embedding.weight", [
    text.max_position_embeddings,
    text.hidden_size,
  ]);
  blocks("text_model", text);
  norm("text_model.final_layer_norm", text.hidden_size);
  shapes.set("text_projection.weight", [projection_dim, text.hidden_size]);
  return shapes;
}

/** Fresh parameters, by the deviations of OpenAI's CLIP (Radford et al., 2021, and its code). The caller owns them. */
export function initialParameters(config: ClipConfig, random: Random): NamedTensors {
  const out: NamedTensors = {};
  for (const [name, shape] of parameterShapes(config)) {
    const tower = name.startsWith("text") ? config.text_config : config.vision_config;
    const width = tower.hidden_size;
    const depth = (2 * tower.num_hidden_layers) ** -0.5;
    if (name === "logit_scale") out[name] = tf.scalar(config.logit_scale_init_value);
    else if (/(norm\d?|layrnorm)\.weight$/.test(name)) out[name] = tf.ones(shape);
    else if (name.endsWith(".bias")) out[name] = tf.zeros(shape);
    else {
      let deviation = width ** -0.5;
      if (name.includes("token_embedding") || name.includes("patch_embedding")) deviation = 0.02;
      else if (name.includes("position_embedding")) deviation = 0.01;
      else if (/(out_proj|fc2)\.weight$/.test(name)) deviation = width ** -0.5 * depth;
      else if (name.includes("fc1")) deviation = (2 * width) ** -0.5;
      out[name] = random.normalTensor(shape, 0, deviation);
    }
  }
  return out;
}
