/** How far the towers are from Hugging Face's on a case that fixtures/make.py wrote: for the tests and the parity benchmark. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors } from "../io";
import { disposeAll, type NamedTensors, type Tensor, tf, unitRows } from "../tensor";
import { parseClipConfig } from "./config";
import { type HookPoint, hookPoints, type Tower } from "./hook-points";
import { Clip } from "./model";
import { pixelGradient } from "./pixel-gradient";
import { preprocessorConfig } from "./preprocess";
import { runWithCache } from "./run";
import type { ClipTokenizer } from "./tokenizer";
import { readClipParameters } from "./weights";

/** A model without tokenizer, its inputs, and what Hugging Face's values are. */
export interface ParityCase {
  clip: Clip;
  /** By the names of make.py. */
  expected: NamedTensors;
  dispose(): void;
}

export type Deviation = {
  what: string;
  /** Largest absolute difference. */
  error: number;
  /** `error` over the root mean square of what was expected. */
  relative: number;
};

export interface ParityReport {
  /** Each hook point of both towers, in order. */
  hookPoints: Deviation[];
  /** Of the logits at a scale of 100; the tests bound the absolute error. */
  logits: Deviation;
  /** Of gradients with respect to the picture. */
  gradients: Deviation[];
}

export async function openParityCase(folder: string): Promise<ParityCase> {
  const configPath = join(folder, "config.json");
  const config = parseClipConfig(JSON.parse(await readFile(configPath, "utf8")), configPath);
  const parameters = await readClipParameters(join(folder, "model.safetensors"), config);
  const { tensors } = await readSafetensors(join(folder, "expected.safetensors"));
  const expected: NamedTensors = {};
  for (const [key, { dtype, shape, data }] of tensors) {
    expected[key] = tf.tensor(data as Float32Array, shape, dtype === "I32" ? "int32" : "float32");
  }
  // Tokens come with the case, so that it needs no tokenizer.
  const tokenizer = undefined as unknown as ClipTokenizer;
  const clip = new Clip(config, parameters, tokenizer, preprocessorConfig(config.vision_config.image_size));
  return {
    clip,
    expected,
    dispose() {
      clip.dispose();
      disposeAll(expected);
    },
  };
}

/** The case's inputs by tower. */
export function parityInput({ expected }: ParityCase, tower: Tower) {
  if (tower === "vision") return { pixels: expected.pixels };
  const ids = Int32Array.from(expected.ids.dataSync());
  return { tokens: { ids, length: expected.ids.shape[1] as number } };
}

/** Compares everything. Leaves nothing behind. */
export async function comparePoints(parity: ParityCase): Promise<ParityReport> {
  const { clip, expected } = parity;
  const report: Deviation[] = [];
  const unit: Partial<Record<Tower, Tensor>> = {};
  for (const tower of ["vision", "text"] as const) {
    const points = hookPoints(clip.config, tower);
    const cache = await runWithCache(clip, parityInput(parity, tower), { hooks: points });
    for (const point of points) {
      const value = visible(cache[point], point);
      report.push(deviation(`${tower}/${point}`, value, expected[`${tower}/${point}`]));
      value.dispose();
    }
    unit[tower] = unitRows(cache.hook_post_head_pre_normalize);
    disposeAll(cache);
    // Where nobody looks inside of blocks they run as kernels: other code, the same numbers.
    const streams = points.filter((point) => point.endsWith("hook_resid_post"));
    const whole = await runWithCache(clip, parityInput(parity, tower), { hooks: streams });
    for (const point of streams) {
      const what = `${tower}/${point} of whole blocks`;
      report.push(deviation(what, whole[point], expected[`${tower}/${point}`]));
    }
    disposeAll(whole);
  }
  const scaled = tf.tidy(() =>
    tf.matMul(unit.vision!, unit.text!, false, true).mul(clip.parameters.logit_scale.exp()),
  );
  const logits = deviation("logits_per_image", scaled, expected.logits_per_image);
  tf.dispose([scaled, unit.vision!, unit.text!]);
  return { hookPoints: report, logits, gradients: compareGradients(parity) };
}

function compareGradients({ clip, expected }: ParityCase): Deviation[] {
  const stream = `blocks.${clip.config.vision_config.num_hidden_layers - 2}.hook_resid_post` as const;
  const ofStream = pixelGradient(clip, expected.pixels, {
    hooks: [stream],
    tokens: "class",
    objective: (values) => values[stream].mul(expected["probe.stream"]).sum(),
  });
  const ofEmbedding = pixelGradient(clip, expected.pixels, {
    hooks: ["hook_post_head_pre_normalize"],
    objective: (values) => values.hook_post_head_pre_normalize.mul(expected["probe.embeds"]).sum(),
  });
  const report = [
    deviation(`gradient of ${stream}`, ofStream.gradient, expected["gradient.stream"]),
    deviation("gradient of the embedding", ofEmbedding.gradient, expected["gradient.embeds"]),
  ];
  tf.dispose([ofStream.gradient, ofEmbedding.gradient]);
  return report;
}

/** A copy of a value; scores with zeros where the mask hides a token, as make.py writes them. */
function visible(value: Tensor, point: HookPoint): Tensor {
  if (!point.endsWith("attn_scores")) return value.clone();
  return tf.tidy(() => value.mul(value.greater(-1e8).toFloat()));
}

function deviation(what: string, got: Tensor, expected: Tensor | undefined): Deviation {
  if (got.shape.join() !== expected?.shape.join()) {
    throw new Error(`${what}: expected [${expected?.shape}], got [${got.shape}]`);
  }
  const [error, rms] = tf.tidy(() =>
    tf.stack([got.sub(expected).abs().max(), expected.square().mean().sqrt()]).dataSync(),
  );
  return { what, error, relative: error / rms };
}

/** The one that is furthest off for its size. */
export function worst(deviations: readonly Deviation[]): Deviation {
  return deviations.reduce((a, b) => (b.relative > a.relative ? b : a));
}
