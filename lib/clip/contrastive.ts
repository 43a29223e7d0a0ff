/** The contrastive loss of training, for data in which many pictures share one name. */
import { type Tensor, tf } from "../tensor";

export interface ContrastiveInput {
  /** Unit-norm picture embeddings [B, P]. */
  pictures: Tensor;
  /** Unit-norm embeddings of the batch's U different concepts [U, P]. */
  texts: Tensor;
  /** Which of the U concepts each picture shows [B]. */
  conceptOf: Int32Array;
  /** Natural logarithm of the inverse temperature, scalar. */
  logitScale: Tensor;
  /** Further texts as negatives, constants [M, P], with 1 in `bankInBatch` [M] where the batch has the concept itself. */
  bank?: { embeddings: Tensor; inBatch: Float32Array };
  /** Broader labels: unit-norm text embeddings [G, P] and each picture's label [B], -1 for none. */
  labels?: { embeddings: Tensor; labelOf: Int32Array };
}

/** The terms; each is a mean in nats. Scalars owned by the caller. */
export interface ContrastiveTerms {
  /** Picture -> its concept's text, among the batch's and the bank's. */
  pictureToText: Tensor;
  /** Text -> pictures: cross entropy against equal shares for all pictures of the concept. */
  textToPicture: Tensor;
  /** Picture -> the other pictures of its concept (Khosla et al., 2020, temperature 0.1). */
  pictureToPicture: Tensor;
  /** Picture -> its broader label's text. */
  pictureToLabel: Tensor;
}

const FAR = -1e9;
const PICTURE_TEMPERATURE = 0.1;

/**
 * CLIP's symmetric cross entropy (Radford et al., 2021) with shared targets: pictures of one concept are never each
 * other's negatives. Differentiable in the embeddings and the scale.
 */
export function contrastiveTerms(input: ContrastiveInput): ContrastiveTerms {
  const { pictures, texts, conceptOf, logitScale, bank, labels } = input;
  const [batch, concepts] = [conceptOf.length, texts.shape[0]];
  const scale = logitScale.exp();
  const target = tf.oneHot(tf.tensor1d(conceptOf, "int32"), concepts).toFloat(); // [B, U]
  const live = tf.matMul(pictures, texts, false, true).mul(scale); // [B, U]

  let all = live;
  if (bank) {
    const hidden = tf.tensor1d(bank.inBatch).mul(FAR);
    all = tf.concat([live, tf.matMul(pictures, bank.embeddings, false, true).mul(scale).add(hidden)], 1);
  }
  const own = live.mul(target).sum(1); // [B]
  const pictureToText = all.logSumExp(1).sub(own).mean();

  const share = target.div(target.sum(0)); // columns sum to 1
  const textToPicture = live.logSumExp(0).sub(live.mul(share).sum(0)).mean();

  const same = tf.matMul(target, target, false, true); // [B, B]
  const self = tf.eye(batch);
  const positives = same.sub(self);
  const counts = positives.sum(1);
  const alike = tf.matMul(pictures, pictures, false, true).div(PICTURE_TEMPERATURE).add(self.mul(FAR));
  const logShare = alike.sub(alike.logSumExp(1, true));
  const hasOthers = counts.greater(0).toFloat();
  const pictureToPicture = logShare
    .mul(positives)
    .sum(1)
    .div(counts.maximum(1))
    .mul(hasOthers)
    .sum()
    .neg()
    .div(hasOthers.sum().maximum(1));

  let pictureToLabel: Tensor = tf.scalar(0);
  if (labels) {
    const known = tf.tensor1d(Float32Array.from(labels.labelOf, (label) => (label < 0 ? 0 : 1)));
    const labelTarget = tf.oneHot(tf.tensor1d(labels.labelOf, "int32"), labels.embeddings.shape[0]);
    const logits = tf.matMul(pictures, labels.embeddings, false, true).mul(scale);
    const loss = logits.logSumExp(1).sub(logits.mul(labelTarget).sum(1));
    pictureToLabel = loss.mul(known).sum().div(known.sum().maximum(1));
  }
  return { pictureToText, textToPicture, pictureToPicture, pictureToLabel };
}
