/** The pieces of a transformer for models that are not trained: gradients with respect to the input alone. */
import { type Tensor, tf } from "./backend";
import { attention, gelu, layerNorm, linear, quickGelu, type TransformerOps } from "./nn";

/** An op of one tensor with its gradient; `inputGradient` gets dy and the op's input. */
function withInputGradient(
  x: Tensor,
  forward: (x: Tensor) => Tensor,
  inputGradient: (dy: Tensor, x: Tensor) => Tensor,
): Tensor {
  const op = tf.customGrad((...args) => {
    const [input, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    save([input]);
    const value = tf.tidy(() => forward(input));
    const gradFunc = (dy: Tensor, saved: Tensor[]) => tf.tidy(() => inputGradient(dy, saved[0]));
    return { value, gradFunc: gradFunc as unknown as (dy: Tensor, saved: Tensor[]) => Tensor[] };
  }) as (x: Tensor) => Tensor;
  return op(x);
}

/** Differentiable in inputs alone; parameters are constants. */
export const frozen: TransformerOps = {
  linear: (x, weight, bias) =>
    withInputGradient(
      x,
      (input) => linear(input, weight, bias),
      (dy) => tf.matMul(dy, weight),
    ),
  layerNorm: (x, scale, shift, epsilon) =>
    withInputGradient(
      x,
      (input) => layerNorm(input, scale, shift, epsilon),
      (dy, input) => {
        const centred = input.sub(input.mean(-1, true));
        const inverse = centred.square().mean(-1, true).add(epsilon).rsqrt();
        const hat = centred.mul(inverse);
        const dHat = dy.mul(scale);
        return dHat
          .sub(dHat.mean(-1, true))
          .sub(hat.mul(dHat.mul(hat).mean(-1, true)))
          .mul(inverse);
      },
    ),
  quickGelu,
  gelu,
  attention,
  wholeBlocks: true,
};
