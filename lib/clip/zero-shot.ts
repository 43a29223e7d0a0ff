/** Zero-shot classification: which class's text is nearest to a picture. */
import { type Tensor, tf } from "../tensor";

export interface ZeroShotAccuracy {
  /** Share of pictures whose own class ranks first. */
  top1: number;
  /** Share of pictures whose own class is among the first five. */
  top5: number;
  /** Number of pictures. */
  count: number;
}

/**
 * Ranks classes by cosine. pictures [B, P] and classes [C, P] unit norm, labels [B] -> accuracies. A class that
 * ties with the picture's own counts as ranked before it, so constant embeddings score nothing.
 */
export function zeroShotAccuracy(pictures: Tensor, classes: Tensor, labels: Int32Array): ZeroShotAccuracy {
  const [batch, count] = [labels.length, classes.shape[0]];
  if (pictures.shape[0] !== batch) {
    throw new Error(`zeroShotAccuracy: expected ${batch} pictures, one a label, got ${pictures.shape[0]}`);
  }
  const ranks = tf.tidy(() => {
    const cosines = tf.matMul(pictures, classes, false, true);
    const oneHot = tf.oneHot(tf.tensor1d(labels, "int32"), count);
    const own = cosines.mul(oneHot).sum(1, true);
    const others = cosines.greaterEqual(own).toFloat().mul(tf.sub(1, oneHot));
    return others.sum(1).dataSync() as Float32Array;
  });
  let [top1, top5] = [0, 0];
  for (const rank of ranks) {
    if (rank < 1) top1++;
    if (rank < 5) top5++;
  }
  return { top1: top1 / batch, top5: top5 / batch, count: batch };
}
