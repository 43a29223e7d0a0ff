/** Classes as texts: prompt templates, their ensembles, and class embeddings that are computed once. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, readSafetensors, writeSafetensors } from "../io";
import { type Tensor, tf, unitRows } from "../tensor";
import type { Clip } from "./model";

/** Plain, and the one of Radford et al. (2021); `{}` stands for the class's name. */
export const PHOTO_TEMPLATE = "a photo of a {}.";

/** Every name in every template: names.length rows of templates.length texts. Throws on a template without `{}`. */
export function fillTemplates(names: readonly string[], templates: readonly string[]): string[][] {
  const without = templates.find((template) => !template.includes("{}"));
  if (templates.length === 0 || without !== undefined)
    throw new Error(`fillTemplates: expected templates with {} in them, got "${without ?? "none"}"`);
  return names.map((name) => templates.map((template) => template.replaceAll("{}", () => name)));
}

export interface ClassEmbeddingOptions {
  /** Default: PHOTO_TEMPLATE alone. */
  templates?: readonly string[];
  /** Folder of the cache, or null for none. Default `.vitrine/classes` in the project. */
  dir?: string | null;
  /** Told the number of classes that are embedded, where they were not kept. */
  onProgress?: (done: number) => void;
}

/** Texts embedded at a time, so that an ensemble over many classes takes no more memory than a few. */
const TEXTS = 1024;

/**
 * Unit-norm class embeddings [C, P]: the mean over templates of unit-norm text embeddings, normed again (Radford et al., 2021, section 3.1.4). Kept under the
 * hash of model, tokenizer, names and templates. The caller owns the result.
 */
export async function classEmbeddings(
  clip: Clip,
  names: readonly string[],
  { templates = [PHOTO_TEMPLATE], dir = cacheFolder("classes"), onProgress }: ClassEmbeddingOptions = {},
): Promise<Tensor> {
  const texts = fillTemplates(names, templates);
  const what = JSON.stringify([clip.hash, clip.tokenizer.hash, names, templates]);
  const key = createHash("sha256").update(what).digest("hex");
  // A model that was never saved has no hash to go by.
  const path = dir !== null && clip.hash !== "" ? join(dir, `${key}.safetensors`) : undefined;
  if (path && existsSync(path)) {
    const stored = (await readSafetensors(path)).tensors.get("classes");
    if (stored) return tf.tensor(stored.data as Float32Array, stored.shape);
  }
  const parts: Tensor[] = [];
  const together = Math.max(1, Math.floor(TEXTS / templates.length));
  let classes: Tensor;
  try {
    for (let from = 0; from < names.length; from += together) {
      const some = texts.slice(from, from + together);
      const each = await clip.embedTexts(some.flat()); // [c·E, P]
      parts.push(tf.tidy(() => unitRows(each.reshape([some.length, templates.length, -1]).mean(1)))); // [c, P]
      each.dispose();
      onProgress?.(from + some.length);
    }
    classes = tf.concat(parts, 0);
  } finally {
    tf.dispose(parts);
  }
  if (path) {
    const data = (await classes.data()) as Float32Array;
    await writeSafetensors(path, new Map([["classes", { dtype: "F32", shape: classes.shape, data }]]));
  }
  return classes;
}
