/** What each feature does to the model's answer. Keys: n features, K kept classes, C classes, B pictures, T tokens, D width, P embedding width. */
import { asHookPoint, type Clip, type HookPoint, projectClassToken, runWithHooks } from "../clip";
import { type Dataset, readPictures } from "../datasets";
import type { ActivationSource, Sae } from "../sae";
import { type Tensor, tf, topK, unitRows } from "../tensor";
import { replaceClassToken } from "./splice";
import type { TopExamples } from "./top-examples";

export interface AblationOptions {
  clip: Clip;
  sae: Sae;
  pictures: Dataset;
  /** Where the SAE reads, `blocks.N.hook_resid_post`. */
  hookPoint: string;
  /** The class token there, of every picture in order [N, D]. */
  activations: ActivationSource;
  /** Each feature's strongest pictures. */
  top: TopExamples;
  /** Which features. */
  features: ArrayLike<number>;
  /** Text embeddings of the classes [C, P]. */
  texts: Tensor;
  /** Strongest pictures of each feature that are looked at. Default 4. */
  picturesPerFeature?: number;
  /**
   * "total": the class token is changed at the hook point and the rest of the model runs on. "direct": it is changed where the head reads
   * it, as if no later block saw the change, which is what a logit lens assumes. Default "total".
   */
  effect?: "total" | "direct";
  /** Classes kept for each feature. Default 5. */
  k?: number;
  /** Features at once. Default 32. */
  batchSize?: number;
  onProgress?: (progress: { done: number; total: number; cached: boolean }) => void;
  signal?: AbortSignal;
}

export interface AblationResult {
  /** Classes that lose most by the ablation, in the order of `features` [n·K]; -1 for a feature without pictures. */
  classes: Int32Array;
  /** How much their cosine falls, falling [n·K]. Times CLIP's logit scale it is the change of the logit. */
  drops: Float32Array;
  k: number;
}

/** A feature on one of its strongest pictures. */
interface Firing {
  feature: number;
  row: number;
  strength: number;
}

/**
 * The classes whose cosines fall most when a feature is ablated: x becomes x - f·WDec[feature] on its strongest pictures, and
 * the change of every class's cosine is averaged over them.
 */
export async function ablationEffect(options: AblationOptions): Promise<AblationResult> {
  const {
    top,
    texts,
    k = 5,
    batchSize = 32,
    picturesPerFeature = 4,
    onProgress = () => {},
    signal,
  } = options;
  const features = Array.from(options.features);
  const hookPoint = asHookPoint(options.hookPoint, options.clip.config);
  const classes = new Int32Array(features.length * k).fill(-1);
  const drops = new Float32Array(features.length * k);
  const units = unitRows(texts);
  try {
    for (let from = 0; from < features.length; from += batchSize) {
      signal?.throwIfAborted();
      const batch = features.slice(from, from + batchSize);
      const firings = batch.map((feature) => {
        const { rows, activations } = top.feature(feature);
        const count = Math.min(picturesPerFeature, rows.length);
        return Array.from({ length: count }, (_, i) => ({ feature, row: rows[i], strength: activations[i] }));
      });
      const alive = firings.flatMap((ofOne, i) => (ofOne.length > 0 ? [i] : []));
      if (alive.length > 0) {
        const best = await mostLowered(
          firings.filter(({ length }) => length > 0),
          units,
          hookPoint,
          options,
        );
        alive.forEach((i, at) => {
          classes.set(best.classes.subarray(at * k, (at + 1) * k), (from + i) * k);
          drops.set(best.drops.subarray(at * k, (at + 1) * k), (from + i) * k);
        });
      }
      onProgress({ done: from + batch.length, total: features.length, cached: false });
    }
  } finally {
    units.dispose();
  }
  return { classes, drops, k };
}

/** `ablationEffect` of a few features, each with one firing at least. */
async function mostLowered(
  firings: Firing[][],
  units: Tensor,
  hookPoint: HookPoint,
  { clip, sae, pictures, activations, effect = "total", k = 5 }: AblationOptions,
): Promise<AblationResult> {
  const all = firings.flat();
  const width = sae.config.dIn;
  const rows = new Float32Array(all.length * width);
  await activations.gather(
    Uint32Array.from(all, ({ row }) => row),
    rows,
  );
  const [before, after] = tf.tidy(() => {
    const x = tf.tensor2d(rows, [all.length, width]); // [B, D]
    const features = tf.tensor1d(
      Int32Array.from(all, ({ feature }) => feature),
      "int32",
    );
    const strengths = tf.tensor2d(
      Float32Array.from(all, ({ strength }) => strength),
      [all.length, 1],
    );
    return [x, x.sub(tf.gather(sae.weights.WDec, features).mul(strengths))];
  }) as [Tensor, Tensor];
  const embed = async (classTokens: Tensor) =>
    effect === "direct"
      ? projectClassToken(classTokens, clip.parameters, clip.config)
      : await embedWithClassTokens(
          classTokens,
          all.map(({ row }) => row),
          { clip, pictures, hookPoint },
        );
  const [whole, ablated] = [await embed(before), await embed(after)];
  const best = tf.tidy(() => {
    const lost = unitRows(whole).sub(unitRows(ablated)); // [B, P]
    // Means over each feature's firings, as a product with their shares.
    const shares = new Float32Array(firings.length * all.length);
    let column = 0;
    firings.forEach((ofOne, i) => {
      shares.fill(1 / ofOne.length, i * all.length + column, i * all.length + column + ofOne.length);
      column += ofOne.length;
    });
    const mean = tf.matMul(tf.tensor2d(shares, [firings.length, all.length]), lost as Tensor & { rank: 2 });
    return topK(tf.matMul(mean, units as Tensor & { rank: 2 }, false, true), k);
  });
  const result = {
    k,
    classes: await best.indices.data<"int32">(),
    drops: await best.values.data<"float32">(),
  };
  tf.dispose([before, after, whole, ablated, best.indices, best.values]);
  return result;
}

/**
 * Embeddings, not normalised [B, P], of pictures `rows` [B] with `classTokens` [B, D] in place of their own at the hook point; the rest of the model runs on. A row may
 * come more than once. The caller disposes the result.
 */
export async function embedWithClassTokens(
  classTokens: Tensor,
  rows: readonly number[],
  { clip, pictures, hookPoint }: Pick<AblationOptions, "clip" | "pictures"> & { hookPoint: HookPoint },
): Promise<Tensor> {
  const distinct = [...new Set(rows)];
  const shown = await readPictures(pictures, distinct, clip.preprocessor);
  const read = await clip.patches(shown);
  const places = new Map(distinct.map((row, i) => [row, i]));
  const patches = tf.tidy(() =>
    tf.gather(
      read,
      tf.tensor1d(
        Int32Array.from(rows, (row) => places.get(row) as number),
        "int32",
      ),
    ),
  );
  read.dispose();
  const replace = replaceClassToken(() => classTokens);
  try {
    return (await runWithHooks(clip, { patches }, { hooks: { [hookPoint]: replace } })).embedding;
  } finally {
    patches.dispose();
  }
}
