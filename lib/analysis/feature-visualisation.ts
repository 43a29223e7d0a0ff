/** The picture that drives a feature most, found by gradient ascent through CLIP. S picture side, D width, V views. */
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { asHookPoint, type Clip, patchCount, pixelGradient, type RgbPicture } from "../clip";
import type { Sae } from "../sae";
import {
  Adam,
  disposeAll,
  type NamedTensors,
  Random,
  type Tensor,
  type Tensor4D,
  tf,
  type View,
  viewsOf,
} from "../tensor";

export interface VisualisationOptions {
  clip: Clip;
  sae: Sae;
  /** Where the SAE reads, `blocks.N.hook_resid_post`. */
  hookPoint: string;
  feature: number;
  /** Steps of ascent. Default 200. */
  steps?: number;
  /** Adam's, on the logits of the pixels. Default 0.05. */
  learningRate?: number;
  /** Random views of the picture a step, over which the activation is averaged. Default 4. */
  views?: number;
  /** How far views go: degrees of rotation, ratio of zoom, shift as a share of the side. Default 10, 1.15 and 0.08 (after Olah et al., 2017). */
  rotation?: number;
  zoom?: number;
  shift?: number;
  /** Weight of the total variation, mean absolute difference of neighbouring pixels. Default 3 activation units. */
  totalVariation?: number;
  /** Tokens that go through the tower at once; the gradient needs what they leave behind, in a ViT-L/14 some 2 GB a view. Default 512. */
  tokensAtOnce?: number;
  /** After which steps the picture is kept as a frame. Default none. */
  frameSteps?: readonly number[];
  /** Default 42. */
  seed?: number;
  /** Told after each step: the pre-activation averaged over the step's views, before its update. */
  onStep?: (step: { step: number; activation: number }) => void;
  /** Stops between steps, throwing the signal's reason. */
  signal?: AbortSignal;
}

export interface Visualisation {
  picture: RgbPicture;
  /** The feature's pre-activation (x - bDec)·WEnc + bEnc on the finished picture as it is. */
  activation: number;
  /** The picture after each of `frameSteps` that was reached. */
  frames: { step: number; picture: RgbPicture }[];
}

/**
 * Ascends the feature's pre-activation at the class token. The picture is a sum of coarse and fine layers (a Laplacian pyramid), so that
 * coarse structure is found first, through a sigmoid, so that its pixels are in 0 … 1. Same options, same picture.
 */
export async function visualiseFeature(options: VisualisationOptions): Promise<Visualisation> {
  const { clip, sae, feature, steps = 200, learningRate = 0.05, views = 4, totalVariation = 3 } = options;
  const {
    rotation = 10,
    zoom = 1.15,
    shift = 0.08,
    frameSteps = [],
    seed = 42,
    onStep = () => {},
    signal,
  } = options;
  if (!(Number.isInteger(feature) && feature >= 0 && feature < sae.config.dSae)) {
    throw new Error(`visualiseFeature: expected a feature from 0 to ${sae.config.dSae - 1}, got ${feature}`);
  }
  const side = clip.config.vision_config.image_size;
  const random = new Random(seed).fork(`feature-${feature}`);
  const start = pyramid(side, random);
  const adam = new Adam(start);
  disposeAll(start);
  const ascent = featureAscent(options);
  const frames: Visualisation["frames"] = [];
  try {
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted();
      const drawn = Array.from({ length: views }, (): View => {
        const within = (reach: number) => reach * (2 * random.uniform() - 1);
        const move = () => within(shift * side);
        return {
          rotation: within((rotation * Math.PI) / 180),
          zoom: zoom ** within(1),
          shift: [move(), move()],
        };
      });
      const layers = adam.read();
      const pixels = tf.tidy(() => standardise(viewsOf(picture(layers, side), drawn), clip));
      const { value, gradient } = ascent(pixels);
      // The chain rule from the views' gradient, held constant, to the layers.
      const names = Object.keys(layers);
      const slopes = tf.tidy(() =>
        tf.grads((...given: Tensor[]) => {
          const shown = picture(Object.fromEntries(names.map((name, i) => [name, given[i]])), side);
          const driven = standardise(viewsOf(shown, drawn), clip).mul(gradient).sum();
          return variation(shown).mul(totalVariation).sub(driven).asScalar();
        })(names.map((name) => layers[name])),
      );
      tf.dispose([pixels, gradient]);
      disposeAll(layers);
      adam.apply(Object.fromEntries(names.map((name, i) => [name, slopes[i]])), learningRate);
      tf.dispose(slopes);
      if (frameSteps.includes(step)) frames.push({ step, picture: await pictureOf(adam.read(), side) });
      onStep({ step, activation: value });
      await yieldToEvents();
    }
    const layers = adam.read();
    const pixels = tf.tidy(() => standardise(picture(layers, side), clip));
    const { value, gradient } = ascent(pixels);
    tf.dispose([pixels, gradient]);
    return { picture: await pictureOf(layers, side), activation: value, frames };
  } finally {
    adam.dispose();
  }
}

/** The feature's pre-activation, averaged over pictures [V, S, S, 3], and its gradient. */
function featureAscent(options: VisualisationOptions) {
  const { clip, tokensAtOnce = 512 } = options;
  const atOnce = Math.max(1, Math.floor(tokensAtOnce / (1 + patchCount(clip.config.vision_config))));
  return (pixels: Tensor): { value: number; gradient: Tensor } => {
    const total = pixels.shape[0];
    let value = 0;
    const gradients: Tensor[] = [];
    for (let from = 0; from < total; from += atOnce) {
      const count = Math.min(atOnce, total - from);
      const part = pixels.slice([from, 0, 0, 0], [count, -1, -1, -1]);
      const found = gradientOf(part, options);
      value += (found.value * count) / total;
      gradients.push(tf.tidy(() => found.gradient.mul(count / total)));
      tf.dispose([part, found.gradient]);
    }
    const gradient = tf.concat(gradients);
    tf.dispose(gradients);
    return { value, gradient };
  };
}

/** The same over the pictures of one run through the tower. */
function gradientOf(pixels: Tensor, { clip, sae, hookPoint, feature }: VisualisationOptions) {
  const point = asHookPoint(hookPoint, clip.config);
  return pixelGradient(clip, pixels, {
    hooks: [point],
    tokens: "class",
    objective: (values) => {
      const { WEnc, bEnc, bDec } = sae.weights;
      const direction = WEnc.slice([0, feature], [-1, 1]); // [D, 1]
      const offset = bEnc ? bEnc.slice([feature], [1]) : tf.scalar(0);
      const x = values[point].sub(bDec) as Tensor & { rank: 2 }; // [V, D]
      return tf
        .matMul(x, direction as Tensor & { rank: 2 })
        .add(offset)
        .mean();
    },
  });
}

/** Layers of 4 pixels a side, twice that, … up to the whole side, small random numbers. */
function pyramid(side: number, random: Random): NamedTensors {
  const layers: NamedTensors = {};
  for (let size = 4; size < side; size *= 2)
    layers[`layer${size}`] = random.normalTensor([1, size, size, 3], 0, 0.05);
  layers[`layer${side}`] = random.normalTensor([1, side, side, 3], 0, 0.05);
  return layers;
}

/** The picture that layers make, pixels in 0 … 1. [1, S, S, 3] */
function picture(layers: NamedTensors, side: number): Tensor {
  const full = Object.values(layers).map((layer) =>
    layer.shape[1] === side ? layer : tf.image.resizeBilinear(layer as Tensor4D, [side, side]),
  );
  return tf.addN(full).sigmoid();
}

/** The same as bytes; the layers are disposed. */
async function pictureOf(layers: NamedTensors, side: number): Promise<RgbPicture> {
  const shown = tf.tidy(() => picture(layers, side).mul(255).round().clipByValue(0, 255));
  disposeAll(layers);
  const data = Uint8Array.from(await shown.data());
  shown.dispose();
  return { data, width: side, height: side };
}

/** As the model wants its pixels. Where a view looks beyond the picture it is black. */
function standardise(pixels: Tensor, { preprocessor: { image_mean, image_std } }: Clip): Tensor {
  return pixels.sub(image_mean).div(image_std);
}

/** Mean absolute difference of neighbouring pixels. */
function variation(shown: Tensor): Tensor {
  const [, height, width] = shown.shape as number[];
  const down = shown
    .slice([0, 1, 0, 0], [1, height - 1, width, 3])
    .sub(shown.slice([0, 0, 0, 0], [1, height - 1, width, 3]));
  const right = shown
    .slice([0, 0, 1, 0], [1, height, width - 1, 3])
    .sub(shown.slice([0, 0, 0, 0], [1, height, width - 1, 3]));
  return down.abs().mean().add(right.abs().mean());
}
