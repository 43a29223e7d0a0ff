/** Keeping the largest activations: of each row, or of a whole batch. */
import { rawOp, type Tensor, tf, topK } from "../tensor";
import { relu } from "./matmul";

/** The k largest entries of each row through a ReLU, zero elsewhere. scores [B, F] -> [B, F]. The caller owns the result. */
export function rowTopK(scores: Tensor, k: number): Tensor {
  const [B, F] = scores.shape;
  return tf.tidy(() => {
    if (k >= F) return relu(scores);
    const { values, indices } = topK(scores, k);
    const firsts = tf.range(0, B, 1, "int32").mul(tf.scalar(F, "int32")).reshape([B, 1]);
    return scatterFlat(indices.add(firsts), relu(values), [B, F]);
  });
}

/**
 * The ⌊k·B⌋ largest entries of the batch through a ReLU, zero elsewhere (Bussmann et al., 2024). scores [B, F] -> [B, F].
 * The caller owns the result.
 */
export function batchTopK(scores: Tensor, k: number): Tensor {
  const [B, F] = scores.shape;
  const count = Math.floor(k * B);
  return tf.tidy(() => {
    if (count >= B * F) return relu(scores);
    const { values, indices } = topK(relu(scores).reshape([B * F]), count);
    return scatterFlat(indices, values, [B, F]);
  });
}

/** A [B, N] mask, 1 at the k largest entries of each row. The caller owns the result. */
export function rowTopKMask(scores: Tensor, k: number): Tensor {
  const [B, N] = scores.shape;
  return tf.tidy(() => {
    if (k >= N) return tf.ones([B, N]);
    const { values, indices } = topK(scores, k);
    const firsts = tf.range(0, B, 1, "int32").mul(tf.scalar(N, "int32")).reshape([B, 1]);
    return scatterFlat(indices.add(firsts), tf.onesLike(values), [B, N]);
  });
}

/** Zeros [B, F] with `values` at the flat places `indices`, all different. */
function scatterFlat(indices: Tensor, values: Tensor, shape: [number, number]): Tensor {
  const size = shape[0] * shape[1];
  const inputs = [indices.reshape([-1, 1]), values.reshape([-1]), tf.tensor1d([size], "int32")];
  return rawOp("ScatterNd", inputs, { T: { dtype: "float32" }, Tindices: { dtype: "int32" } }).reshape(shape);
}
