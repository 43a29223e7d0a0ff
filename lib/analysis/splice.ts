/** What the model still does with a reconstruction in the place of its activations: zero-shot accuracy, cross entropy, contrastive loss. */
import { asHookPoint, type Clip, runWithHooks } from "../clip";
import { type Dataset, readPictures } from "../datasets";
import { type Tensor, type Tensor2D, tf, unitRows } from "../tensor";

/** Gives what goes on in place of class tokens [B, D]: an SAE's reconstruction, a baseline's, zeros, their mean. */
export type Replacement = (classTokens: Tensor) => Tensor;

export interface SpliceOptions {
  clip: Clip;
  pictures: Dataset;
  /** Where class tokens are replaced, `blocks.N.hook_resid_post`; the blocks after it run on. */
  hookPoint: string;
  /** By name. The unchanged model is measured besides, as "original". */
  replacements: Readonly<Record<string, Replacement>>;
  /** Text embeddings of the classes [C, P], in the order of `pictures.classNames`. */
  texts: Tensor;
  /** Numbers of the pictures, in the order in which batches are made of them. Those without a class are left out. */
  rows: ArrayLike<number>;
  /** Pictures at once, which the contrastive loss depends on. Default 64. */
  batchSize?: number;
  onProgress?: (progress: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

/** How well the model does; means over pictures. */
export interface ModelQuality {
  /** Pictures measured. */
  pictures: number;
  /** Share whose own class's text is nearest. */
  top1: number;
  /** Share whose own class is among the nearest five. */
  top5: number;
  /** Cross entropy of the zero-shot classifier, softmax of exp(logit_scale) · cosine over all classes, in nats. */
  crossEntropy: number;
  /**
   * CLIP's training loss in batches of `batchSize` pictures with their own classes' texts, the mean of both directions, with
   * logit_scale, in nats (Fry, 2024). It depends on the batch size, and pictures of one class in a batch count as each other's negatives.
   */
  contrastive: number;
}

/** Measures the model with and without replacements, all on the same batches. */
export async function spliceQuality(options: SpliceOptions): Promise<Record<string, ModelQuality>> {
  const { clip, pictures, replacements, batchSize = 64, onProgress = () => {}, signal } = options;
  const hookPoint = asHookPoint(options.hookPoint, clip.config);
  const labels = pictures.labels.class.index;
  const rows = Array.from(options.rows).filter((row) => labels[row] >= 0);
  if (rows.length === 0) throw new Error("spliceQuality: expected pictures with a class, got none");
  const scale = Math.exp((await clip.parameters.logit_scale.data())[0]);
  const texts = unitRows(options.texts) as Tensor2D;
  const sums = new Map<string, QualitySums>();
  for (const name of ["original", ...Object.keys(replacements)]) sums.set(name, new QualitySums());
  try {
    for (let first = 0; first < rows.length; first += batchSize) {
      signal?.throwIfAborted();
      const batch = rows.slice(first, first + batchSize);
      const shown = await readPictures(pictures, batch, clip.preprocessor);
      const patches = await clip.patches(shown);
      const own = Int32Array.from(batch, (row) => labels[row]);
      for (const [name, sum] of sums) {
        const hooks = name === "original" ? {} : { [hookPoint]: replaceClassToken(replacements[name]) };
        const { embedding } = await runWithHooks(clip, { patches }, { hooks });
        sum.add(embedding, texts, own, scale);
        embedding.dispose();
      }
      patches.dispose();
      onProgress({ done: first + batch.length, total: rows.length });
    }
  } finally {
    texts.dispose();
  }
  return Object.fromEntries([...sums].map(([name, sum]) => [name, sum.result()]));
}

/** Share of an ablation's damage that is undone: (ablated - spliced) / (ablated - original) of a loss; 1 is best. */
export function recovered(original: number, spliced: number, ablated: number): number {
  return (ablated - spliced) / (ablated - original);
}

/** The post's score of a loss: (spliced - original) / (ablated - original); 0 is best, below 0 means better than the original (Fry, 2024). */
export function spliceScoreFry(original: number, spliced: number, ablated: number): number {
  return (spliced - original) / (ablated - original);
}

/** A hook that replaces the class token, the first one, alone. */
export function replaceClassToken(replacement: Replacement) {
  return (stream: Tensor) =>
    tf.tidy(() => {
      const [B, T, D] = stream.shape;
      const classTokens = stream.slice([0, 0, 0], [B, 1, D]).reshape([B, D]);
      const rest = stream.slice([0, 1, 0], [B, T - 1, D]);
      return tf.concat([replacement(classTokens).reshape([B, 1, D]), rest], 1);
    });
}

/** Sums over batches. */
class QualitySums {
  private pictures = 0;
  private top1 = 0;
  private top5 = 0;
  private crossEntropy = 0;
  private contrastive = 0;

  /** embedding [B, P] not normalised, texts [C, P] unit rows, own [B] class numbers. */
  add(embedding: Tensor, texts: Tensor2D, own: Int32Array, scale: number): void {
    const B = own.length;
    const [ranks, entropies, contrastive] = tf.tidy(() => {
      const unit = unitRows(embedding) as Tensor2D;
      const index = tf.tensor1d(own, "int32");
      const logits = tf.matMul(unit, texts, false, true).mul(scale); // [B, C]
      const oneHot = tf.oneHot(index, texts.shape[0]);
      const mine = logits.mul(oneHot).sum(1, true); // [B, 1]
      // A class that ties with the own one counts as before it, so that constant embeddings score nothing.
      const before = logits.greaterEqual(mine).toFloat().mul(tf.sub(1, oneHot)).sum(1);
      const pairs = tf.matMul(unit, tf.gather(texts, index), false, true).mul(scale); // [B, B]
      const diagonal = pairs.mul(tf.eye(B)).sum(1);
      const both = pairs.logSumExp(1).add(pairs.logSumExp(0)).div(2).sub(diagonal);
      return [before, logits.logSumExp(1).sub(mine.reshape([B])), both];
    }) as unknown as Tensor[];
    for (const rank of ranks.dataSync<"float32">()) {
      if (rank < 1) this.top1++;
      if (rank < 5) this.top5++;
    }
    for (const value of entropies.dataSync<"float32">()) this.crossEntropy += value;
    for (const value of contrastive.dataSync<"float32">()) this.contrastive += value;
    this.pictures += B;
    tf.dispose([ranks, entropies, contrastive]);
  }

  result(): ModelQuality {
    const { pictures } = this;
    return {
      pictures,
      top1: this.top1 / pictures,
      top5: this.top5 / pictures,
      crossEntropy: this.crossEntropy / pictures,
      contrastive: this.contrastive / pictures,
    };
  }
}
