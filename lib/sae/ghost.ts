/** Ghost gradients: a loss that lets dead features predict what the living ones leave over (Jermyn and Templeton, 2024). */
import { type Tensor, tf } from "../tensor";
import { matMul } from "./matmul";

export interface GhostInput {
  /** (WEncᵀ | bEnc) [F, D+1] */
  encoder: Tensor;
  /** WDec [F, D] */
  decoder: Tensor;
  /** (x - bDec | 1) [B, D+1] */
  xAug: Tensor;
  /** r = x - x̂, a constant here [B, D] */
  residual: Tensor;
  /** The MSE term's elements r² / ‖x‖₂, constants here [B, D] */
  mse: Tensor;
  /** Numbers of the dead features, int32 [N] */
  rows: Tensor;
  /** Features a block. */
  blockSize: number;
}

/** The term and its gradients for the dead rows alone; the caller owns them. */
export interface GhostTerm {
  /** Scalar. */
  loss: Tensor;
  /** [N, D+1] */
  dEncoder: Tensor;
  /** [N, D] */
  dDecoder: Tensor;
}

/**
 * The post's term over dead features N:
 *   e = exp(pre_N), g = e WDec_N · s, with s = ‖r‖ / (1e-6 + 2‖e WDec_N‖) a constant (per row)
 *   G = (g - r)² / ‖r‖₂, loss = mean_{B,D} ratio · G, with ratio = mse / (G + 1e-6) a constant (elementwise).
 */
export function ghostTerm({ encoder, decoder, xAug, residual, mse, rows, blockSize }: GhostInput): GhostTerm {
  const [B, D] = residual.shape;
  return tf.tidy(() => {
    const blocks = tf.tidy(() => {
      const sizes: number[] = [];
      for (let left = rows.size; left > 0; left -= blockSize) sizes.push(Math.min(left, blockSize));
      return tf.split(rows, sizes);
    });
    const e = blocks.map((block) =>
      tf.tidy(() => matMul(xAug, tf.gather(encoder, block), false, true).exp()),
    ); // per block [B, N]
    const raw = tf.tidy(() => tf.addN(e.map((part, i) => matMul(part, tf.gather(decoder, blocks[i]))))); // [B, D]

    const residualNorm = residual.norm(2, 1, true); // [B, 1]
    const scale = residualNorm.div(raw.norm(2, 1, true).mul(2).add(1e-6)); // [B, 1]
    const difference = raw.mul(scale).sub(residual); // g - r [B, D]
    const elements = difference.square().div(residualNorm); // G [B, D]
    const ratio = mse.div(elements.add(1e-6));
    const loss = elements.mul(ratio).mean();
    const dRaw = difference.mul(ratio).mul(scale.div(residualNorm).mul(2 / (B * D))); // [B, D]

    const gradients = e.map((part, i) =>
      tf.tidy(() => {
        const dPre = matMul(dRaw, tf.gather(decoder, blocks[i]), false, true).mul(part);
        return [matMul(dPre, xAug, true), matMul(part, dRaw, true)];
      }),
    );
    return {
      loss,
      dEncoder: tf.concat(
        gradients.map(([dEncoder]) => dEncoder),
        0,
      ),
      dDecoder: tf.concat(
        gradients.map(([, dDecoder]) => dDecoder),
        0,
      ),
    };
  }) as unknown as GhostTerm;
}
