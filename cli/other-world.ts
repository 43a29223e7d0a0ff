/** For tests: a CLIP and labelled pictures in the layouts that ViT-L/14 and ImageNet come in, small and untrained. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { initialParameters, loadClip, saveClip } from "../lib/clip";
import { openDataset } from "../lib/datasets";
import { imagenetNames } from "../lib/datasets/image-folder";
import { Random, tf } from "../lib/tensor";

const [CLASSES, PER_CLASS] = [24, 25];

/** Writes `folder/clip`, a CLIPModel of four blocks with patches of 7 pixels, and `folder/pictures/train/SYNSET/…`: JPEG files of many sizes. */
export async function writeOtherWorld(folder: string): Promise<{ model: string; dataset: string }> {
  const [model, dataset] = [join(folder, "clip"), join(folder, "pictures")];
  const emojiClip = await loadClip("emoji-clip");
  const tower = { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 4, num_attention_heads: 4 };
  const config = {
    ...emojiClip.config,
    projection_dim: 48,
    vision_config: { ...emojiClip.config.vision_config, ...tower, image_size: 42, patch_size: 7 },
  };
  const parameters = initialParameters(config, new Random("other world"));
  const read = (name: string) =>
    JSON.parse(readFileSync(join(__dirname, "..", "data", "emoji-clip", name), "utf8"));
  await saveClip(model, {
    config,
    parameters,
    tokenizer: read("tokenizer.json"),
    preprocessor: {
      ...read("preprocessor_config.json"),
      size: { shortest_edge: 42 },
      crop_size: { height: 42, width: 42 },
    },
  });
  tf.dispose(parameters);
  emojiClip.dispose();
  const emoji = await openDataset("emoji");
  const synsets = [...imagenetNames().keys()].slice(0, CLASSES);
  for (const [c, synset] of synsets.entries()) {
    mkdirSync(join(dataset, "train", synset), { recursive: true });
    for (let i = 0; i < PER_CLASS; i++) {
      const { data, width, height } = await emoji.original(c * 40 + i);
      const picture = sharp(data, { raw: { width, height, channels: 3 } });
      const path = join(dataset, "train", synset, `${synset}_${i}.JPEG`);
      await picture
        .resize(60 + 3 * i, 90, { fit: "fill" })
        .jpeg()
        .toFile(path);
    }
  }
  return { model, dataset };
}
