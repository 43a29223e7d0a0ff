/** The post's loss written as its formulas read, differentiated by tfjs: the oracle for `standard-training.ts`. */
import { type NamedTensors, type Scalar, type Tensor, tf } from "../tensor";

export interface NaiveOptions {
  l1Coefficient: number;
  /** Numbers of dead features; ghost gradients on them unless empty. */
  dead: readonly number[];
}

/**
 * Loss terms and gradients of (WEnc [D, F], bEnc [F], WDec [F, D], bDec [D]) at x [B, D]; slow. The caller owns the
 * gradients.
 */
export function naiveStandardStep(
  weights: NamedTensors,
  x: Tensor,
  { l1Coefficient, dead }: NaiveOptions,
): { losses: Record<string, number>; gradients: NamedTensors } {
  const names = ["WEnc", "bEnc", "WDec", "bDec"];
  const losses: Record<string, number> = {};
  // What the formulas call detached is computed beforehand and enters as a constant.
  const frozen = tf.tidy(() => {
    const { f } = forward(weights, x);
    const xHat = f.matMul(weights.WDec).add(weights.bDec);
    const residual = x.sub(xHat);
    return { residual, residualNorm: residual.norm(2, 1, true) };
  });
  const mseOf = (xHat: Tensor) =>
    xHat
      .sub(x)
      .square()
      .div(x.norm(2, 1, true));
  const { value, grads } = (() => {
    const gradFunction = tf.valueAndGrads((...tensors: Tensor[]) => {
      const w = Object.fromEntries(names.map((name, i) => [name, tensors[i]]));
      const { pre, f } = forward(w, x);
      const xHat = f.matMul(w.WDec).add(w.bDec);
      const mse = mseOf(xHat).mean();
      const l1 = f.abs().sum(1).mean().mul(l1Coefficient);
      let ghost: Tensor = tf.scalar(0);
      if (dead.length > 0) {
        const index = tf.tensor1d([...dead], "int32");
        const deadPre = tf.gather(pre, index, 1);
        const raw = deadPre.exp().matMul(tf.gather(w.WDec, index));
        const scale = detached(frozen.residualNorm.div(raw.norm(2, 1, true).mul(2).add(1e-6)));
        const elements = raw.mul(scale).sub(frozen.residual).square().div(frozen.residualNorm);
        const ratio = detached(mseOf(xHat).div(elements.add(1e-6)));
        ghost = elements.mul(ratio).mean();
      }
      losses.mse = mse.dataSync()[0];
      losses.l1 = l1.dataSync()[0];
      losses.ghost = ghost.dataSync()[0];
      return mse.add(l1).add(ghost) as Scalar;
    });
    return gradFunction(names.map((name) => weights[name]));
  })();
  value.dispose();
  tf.dispose(frozen);
  return { losses, gradients: Object.fromEntries(names.map((name, i) => [name, grads[i]])) };
}

function forward({ WEnc, bEnc, bDec }: NamedTensors, x: Tensor): { pre: Tensor; f: Tensor } {
  const pre = x.sub(bDec).matMul(WEnc).add(bEnc);
  return { pre, f: pre.relu() };
}

/** The same numbers without a gradient. */
function detached(x: Tensor): Tensor {
  const stop = tf.customGrad((...args) => {
    const input = args[0] as Tensor;
    return { value: input.clone(), gradFunc: (dy: Tensor) => tf.zerosLike(dy) };
  }) as (x: Tensor) => Tensor;
  return stop(x);
}
