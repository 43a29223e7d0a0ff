/** Whether features point along single neurons: cosines of feature directions with a block's output columns. */
import { Sae } from "../sae";
import { Random, type Tensor, tf, unitRows } from "../tensor";

/** Cosines held at once: 64 MB. */
const COSINES_AT_ONCE = 2 ** 24;

export interface NeuronAlignment {
  /** Largest cosine of each feature with any neuron [F]. */
  maxCosine: Float32Array;
  /** The neuron it is with [F]. */
  nearestNeuron: Int32Array;
  /** Neurons whose cosine is above the threshold [F]. */
  alignedNeurons: Int32Array;
}

/**
 * Cosines of `directions` [F, D] with `neurons` [M, D], a row each: for CLIP the columns of a block's MLP-out matrix, which is
 * `mlp.fc2.weight` [D, M] transposed (Fry, 2024). `threshold`: above which a neuron counts as aligned; the post's is 0.14, the largest
 * of its random baseline. Signed cosines, as there.
 */
export async function neuronAlignment(
  directions: Tensor,
  neurons: Tensor,
  { threshold = 0.14 }: { threshold?: number } = {},
): Promise<NeuronAlignment> {
  const unit = unitRows(directions);
  const result = await largestProducts(unit, neurons, threshold);
  unit.dispose();
  return result;
}

/**
 * The same with the rows of `directions` scaled as the post's app did it: divided by norms taken over the features [D] instead of over the
 * width [F]. Its numbers are not cosines; they are here so that published ones can be compared.
 */
export async function neuronAlignmentFry(
  directions: Tensor,
  neurons: Tensor,
  { threshold = 0.14 }: { threshold?: number } = {},
): Promise<NeuronAlignment> {
  const scaled = tf.tidy(() => directions.mul(directions.square().sum(0, true).rsqrt()));
  const result = await largestProducts(scaled, neurons, threshold);
  scaled.dispose();
  return result;
}

/** Largest cosines of `features` random directions (uniform on the sphere) with `neurons` [M, D]: what alignment is by chance. [features] */
export async function randomAlignment(neurons: Tensor, features: number, seed = 42): Promise<Float32Array> {
  const random = new Random(seed)
    .fork("random-directions")
    .normalTensor([features, neurons.shape[1] as number]);
  const { maxCosine } = await neuronAlignment(random, neurons);
  random.dispose();
  return maxCosine;
}

/**
 * A block's neurons as a dictionary, so that they can be measured like features: f = relu((x - mean) · u) with u the unit vector along a
 * neuron's output (Fry, 2024). `neurons` [M, D], `mean` [D] the mean activation. The caller disposes the result.
 */
export function neuronDictionary(neurons: Tensor, mean: Tensor): Sae {
  const [count, width] = neurons.shape;
  const WDec = unitRows(neurons); // [M, D]
  const weights = { WEnc: WDec.transpose(), bEnc: tf.zeros([count]), WDec, bDec: mean.clone() };
  return new Sae(
    { architecture: "standard", dIn: width as number, dSae: count as number, applyBDecToInput: true },
    weights,
  );
}

/** For each row of `rows` [F, D] the largest of its products with the unit neurons, block by block of features. */
async function largestProducts(rows: Tensor, neurons: Tensor, threshold: number): Promise<NeuronAlignment> {
  const [features, width] = rows.shape;
  const [count, neuronWidth] = neurons.shape;
  if (width !== neuronWidth) {
    throw new Error(
      `neuronAlignment: expected directions and neurons of one width, got ${width} and ${neuronWidth}`,
    );
  }
  const maxCosine = new Float32Array(features);
  const nearestNeuron = new Int32Array(features);
  const alignedNeurons = new Int32Array(features);
  const unit = unitRows(neurons);
  const block = Math.max(1, Math.floor(COSINES_AT_ONCE / count));
  for (let from = 0; from < features; from += block) {
    const size = Math.min(block, features - from);
    const [largest, nearest, aligned]: Tensor[] = tf.tidy(() => {
      const cosines = tf.matMul(rows.slice([from, 0], [size, width]), unit, false, true); // [block, M]
      return [cosines.max(-1), cosines.argMax(-1), cosines.greater(threshold).sum(-1)];
    });
    maxCosine.set(await largest.data<"float32">(), from);
    nearestNeuron.set(await nearest.data<"int32">(), from);
    alignedNeurons.set(await aligned.data<"int32">(), from);
    tf.dispose([largest, nearest, aligned]);
  }
  unit.dispose();
  return { maxCosine, nearestNeuron, alignedNeurons };
}
