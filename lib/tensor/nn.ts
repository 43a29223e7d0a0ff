/** Differentiable pieces of a transformer with their backward passes written out: fewer passes over memory than autodiff. */
import { type Tensor, tf } from "./backend";
import { rawOp } from "./raw";

const FLOAT = { T: { dtype: "float32" as const } };

/** y = x Wᵀ + b, with the layout of torch.nn.Linear. x [N, I], weight [O, I], bias [O] -> [N, O]. */
export const linear = tf.customGrad((...args) => {
  const [x, weight, bias] = args as [Tensor, Tensor, Tensor];
  const save = args[3] as (tensors: Tensor[]) => void;
  save([x, weight]);
  const value = tf.tidy(() => rawOp("BiasAdd", [tf.matMul(x, weight, false, true), bias], FLOAT));
  const gradFunc = (dy: Tensor, saved: Tensor[]) => {
    const [xIn, w] = saved;
    return [tf.matMul(dy, w), tf.matMul(dy, xIn, true, false), rawOp("BiasAddGrad", [dy], FLOAT)];
  };
  return { value, gradFunc: gradFunc as (dy: Tensor, saved: Tensor[]) => Tensor[] };
}) as (x: Tensor, weight: Tensor, bias: Tensor) => Tensor;

/**
 * Layer norm over the last axis. x [N, D], scale [D], shift [D] -> [N, D]
 * (Ba, Kiros and Hinton, 2016; the variance is the biased one, epsilon inside the root).
 */
export function layerNorm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: number): Tensor {
  const width = x.shape[x.shape.length - 1];
  const op = tf.customGrad((...args) => {
    const [input, gain, offset] = args as [Tensor, Tensor, Tensor];
    const save = args[3] as (tensors: Tensor[]) => void;
    const [value, normed, inverse] = tf.tidy(() => {
      const centred = input.sub(input.mean(-1, true));
      const inv = centred.square().mean(-1, true).add(epsilon).rsqrt();
      const hat = centred.mul(inv);
      return [hat.mul(gain).add(offset), hat, inv];
    }) as unknown as [Tensor, Tensor, Tensor];
    save([normed, inverse, gain]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [hat, inv, g] = saved;
      const dHat = dy.mul(g);
      const dyHat = dy.mul(hat);
      const dInput = dHat
        .sub(dHat.mean(-1, true))
        .sub(hat.mul(dyHat.mul(g).mean(-1, true)))
        .mul(inv);
      return [
        dInput,
        rawOp("BiasAddGrad", [dyHat.reshape([-1, width])], FLOAT),
        rawOp("BiasAddGrad", [dy.reshape([-1, width])], FLOAT),
      ];
    };
    return { value, gradFunc: gradFunc as (dy: Tensor, saved: Tensor[]) => Tensor[] };
  }) as (x: Tensor, scale: Tensor, shift: Tensor) => Tensor;
  return op(x, scale, shift);
}

/** Rows divided by their Euclidean norms. x [N, D] -> [N, D]; a row of zeros gives no numbers. The caller owns the result. */
export function unitRows(x: Tensor): Tensor {
  return tf.tidy(() => x.mul(x.square().sum(-1, true).rsqrt()));
}

/** x · sigmoid(1.702 x), the "quick GELU" of OpenAI's CLIP. */
export const quickGelu = tf.customGrad((...args) => {
  const x = args[0] as Tensor;
  const save = args[1] as (tensors: Tensor[]) => void;
  const gate = tf.tidy(() => x.mul(1.702).sigmoid());
  const value = x.mul(gate);
  save([value, gate]);
  // d/dx = g + 1.702 x g (1 - g) = g + 1.702 y (1 - g)
  const gradFunc = (dy: Tensor, saved: Tensor[]) => {
    const [y, g] = saved;
    return dy.mul(g.add(y.mul(1.702).mul(tf.scalar(1).sub(g))));
  };
  return { value, gradFunc: gradFunc as unknown as (dy: Tensor, saved: Tensor[]) => Tensor[] };
}) as (x: Tensor) => Tensor;

/** x · Φ(x), the exact GELU (Hendrycks and Gimpel, 2016), that LAION's CLIPs use. */
export const gelu = tf.customGrad((...args) => {
  const x = args[0] as Tensor;
  const save = args[1] as (tensors: Tensor[]) => void;
  const [value, share] = tf.tidy(() => {
    const phi = normalShare(x);
    return [x.mul(phi), phi];
  }) as unknown as [Tensor, Tensor];
  save([x, share]);
  const gradFunc = (dy: Tensor, saved: Tensor[]) => {
    const [input, phi] = saved;
    return dy.mul(phi.add(input.mul(normalDensity(input))));
  };
  return { value, gradFunc: gradFunc as unknown as (dy: Tensor, saved: Tensor[]) => Tensor[] };
}) as (x: Tensor) => Tensor;

/** Φ: the standard normal's distribution function, elementwise. */
export function normalShare(x: Tensor): Tensor {
  return x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
}

/** φ: the standard normal's density, elementwise. */
export function normalDensity(x: Tensor): Tensor {
  return x
    .square()
    .mul(-0.5)
    .exp()
    .mul(1 / Math.sqrt(2 * Math.PI));
}

export interface AttentionOptions {
  /** Added to the scores; broadcast to [Q, T]. */
  mask?: Tensor;
  /** Sees, and may replace, the scores [B, H, Q, T]: scaled by E^-½, masked. */
  onScores?: (scores: Tensor) => Tensor;
  /** Sees, and may replace, the attention pattern [B, H, Q, T]. */
  onPattern?: (pattern: Tensor) => Tensor;
}

/** Multi-head attention's core. query [B, Q, H, E], key and value [B, T, H, E] -> [B, Q, H, E]. */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { mask, onScores = (scores) => scores, onPattern = (pattern) => pattern }: AttentionOptions = {},
): Tensor {
  const head = query.shape[3] as number;
  const byHead = (x: Tensor) => x.transpose([0, 2, 1, 3]); // [B, H, T, E]
  const products = tf.matMul(byHead(query.mul(head ** -0.5)), byHead(key), false, true); // [B, H, Q, T]
  const pattern = onPattern(onScores(mask ? products.add(mask) : products).softmax());
  return byHead(tf.matMul(pattern, byHead(value)));
}

/** What a transformer is made of, in one way of computing it. */
export interface TransformerOps {
  /** x [N, I], weight [O, I], bias [O] -> [N, O]. */
  linear(x: Tensor, weight: Tensor, bias: Tensor): Tensor;
  /** Over the last axis. */
  layerNorm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: number): Tensor;
  quickGelu(x: Tensor): Tensor;
  gelu(x: Tensor): Tensor;
  attention(query: Tensor, key: Tensor, value: Tensor, options?: AttentionOptions): Tensor;
  /** Whether blocks that nobody looks into may run as one kernel each, without any of the above. */
  readonly wholeBlocks: boolean;
}

/** Differentiable in inputs and parameters. */
export const trainable: TransformerOps = {
  linear,
  layerNorm,
  quickGelu,
  gelu,
  attention,
  wholeBlocks: false,
};
