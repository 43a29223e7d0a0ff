/** Zero-shot classification, and how well pictures and texts find each other in a batch. */
import { type Tensor, tf } from "../tensor";

export interface ZeroShotAccuracy {
  /** Share of pictures whose own class ranks first. */
  top1: number;
  /** Share of pictures whose own class is among the first five. */
  top5: number;
  /** Mean over the classes that have pictures of the share of their pictures whose own class ranks first. */
  meanPerClass: number;
  /** Number of pictures. */
  count: number;
}

/** Rows of logits at a time, so that memory stays bounded. */
const BLOCK = 4096;

/**
 * Ranks classes by cosine. pictures [B, P] and classes [C, P] unit norm, labels [B] -> accuracies. A class that
 * ties with the picture's own counts as ranked before it, so constant embeddings score nothing.
 */
export function zeroShotAccuracy(pictures: Tensor, classes: Tensor, labels: Int32Array): ZeroShotAccuracy {
  const count = classes.shape[0];
  const ranks = overBlocks("zeroShotAccuracy", pictures, labels, (block, own) => {
    const cosines = tf.matMul(block, classes, false, true);
    const oneHot = tf.oneHot(tf.tensor1d(own, "int32"), count);
    const mine = cosines.mul(oneHot).sum(1, true);
    return cosines.greaterEqual(mine).toFloat().mul(tf.sub(1, oneHot)).sum(1);
  });
  let [top1, top5] = [0, 0];
  const [seen, right] = [new Float64Array(count), new Float64Array(count)];
  for (const [i, rank] of ranks.entries()) {
    seen[labels[i]]++;
    if (rank < 1) {
      top1++;
      right[labels[i]]++;
    }
    if (rank < 5) top5++;
  }
  const shares = [...seen.keys()]
    .filter((label) => seen[label] > 0)
    .map((label) => right[label] / seen[label]);
  const meanPerClass = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return { top1: top1 / labels.length, top5: top5 / labels.length, meanPerClass, count: labels.length };
}

/**
 * Mean cross entropy, in nats, of each picture's own class under softmax(e^logitScale · cosine) over all classes. pictures [B, P] and
 * classes [C, P] unit norm, labels [B], logitScale a scalar as in the checkpoint (4.605 in OpenAI's: cosines times 100).
 */
export function zeroShotCrossEntropy(
  pictures: Tensor,
  classes: Tensor,
  labels: Int32Array,
  logitScale: Tensor,
): number {
  const losses = overBlocks("zeroShotCrossEntropy", pictures, labels, (block, own) => {
    const logits = tf.matMul(block, classes, false, true).mul(logitScale.exp());
    const oneHot = tf.oneHot(tf.tensor1d(own, "int32"), classes.shape[0]);
    return logits.logSumExp(1).sub(logits.mul(oneHot).sum(1));
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

export interface ContrastiveLoss {
  /** Mean of the two directions, nats: CLIP's loss. */
  loss: number;
  /** Each picture among the batch's texts, nats. */
  pictureToText: number;
  /** Each text among the batch's pictures, nats. */
  textToPicture: number;
  /** Pairs a batch: the loss grows with it (chance is its logarithm), so it belongs to the number. */
  batchSize: number;
  /** Batches that the loss is a mean of; pairs left over are not in it. */
  batches: number;
}

/**
 * CLIP's contrastive loss (Radford et al., 2021) over batches of pairs in their order. pictures [B, P] and texts [B, P] unit norm: row i of
 * one belongs to row i of the other; logitScale as above. Throws when there are fewer pairs than one batch.
 */
export function contrastiveLoss(
  pictures: Tensor,
  texts: Tensor,
  { logitScale, batchSize }: { logitScale: Tensor; batchSize: number },
): ContrastiveLoss {
  const pairs = pictures.shape[0];
  if (texts.shape[0] !== pairs || !(batchSize > 0 && batchSize <= pairs)) {
    throw new Error(
      `contrastiveLoss: expected as many texts as pictures and at least ${batchSize}, got ${pairs} pictures, ${texts.shape[0]} texts`,
    );
  }
  const batches = Math.floor(pairs / batchSize);
  let [pictureToText, textToPicture] = [0, 0];
  for (let batch = 0; batch < batches; batch++) {
    const [a, b] = tf.tidy(() => {
      const rows = (all: Tensor) => all.slice([batch * batchSize, 0], [batchSize, -1]);
      const [ours, theirs] = [rows(pictures), rows(texts)];
      const logits = tf.matMul(ours, theirs, false, true).mul(logitScale.exp());
      const own = ours.mul(theirs).sum(1).mul(logitScale.exp()).mean();
      return tf.stack([logits.logSumExp(1).mean().sub(own), logits.logSumExp(0).mean().sub(own)]).dataSync();
    });
    pictureToText += a / batches;
    textToPicture += b / batches;
  }
  return { loss: (pictureToText + textToPicture) / 2, pictureToText, textToPicture, batchSize, batches };
}

/** One number a picture, from `score` over blocks of rows. */
function overBlocks(
  where: string,
  pictures: Tensor,
  labels: Int32Array,
  score: (pictures: Tensor, labels: Int32Array) => Tensor,
): Float32Array {
  if (pictures.shape[0] !== labels.length) {
    throw new Error(`${where}: expected ${labels.length} pictures, one a label, got ${pictures.shape[0]}`);
  }
  const out = new Float32Array(labels.length);
  for (let from = 0; from < labels.length; from += BLOCK) {
    const own = labels.slice(from, from + BLOCK);
    out.set(
      tf.tidy(() => score(pictures.slice([from, 0], [own.length, -1]), own).dataSync() as Float32Array),
      from,
    );
  }
  return out;
}
