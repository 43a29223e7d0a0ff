import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoLeak, Random, type Tensor2D, tf } from "../tensor";
import { ridge } from "./ridge";

test("without a penalty a linear relation is found again", async () => {
  await expectNoLeak(async () => {
    const random = new Random("ridge");
    const [x, map] = [random.normalTensor([200, 5]), random.normalTensor([5, 3])];
    const y = tf.tidy(() => tf.matMul(x as Tensor2D, map as Tensor2D).add([7, 8, 9]));
    const found = ridge(x, y, 0);
    const off = tf.tidy(() => found.weights.sub(map).abs().max());
    assert.ok((await off.data())[0] < 1e-5, `${off}`);
    tf.dispose([off, x, map, y, found.weights, found.inputMean, found.outputMean]);
  });
});

test("the weights are where the penalised loss has no slope", async () => {
  const random = new Random("slope");
  const [x, y] = [random.normalTensor([40, 6], 2), random.normalTensor([40, 2], -1)];
  const { weights, inputMean, outputMean } = ridge(x, y, 0.3);
  const slope = tf.tidy(() => {
    const centred = x.sub(inputMean) as Tensor2D;
    const lambda = centred
      .square()
      .sum()
      .div(40 * 6)
      .mul(0.3);
    const loss = (w: Tensor2D) => {
      const error = y.sub(tf.matMul(centred, w).add(outputMean)).square().sum();
      return error.div(40).add(w.square().sum().mul(lambda)).asScalar();
    };
    return tf
      .grad(loss as never)(weights)
      .abs()
      .max() as Tensor2D;
  });
  assert.ok((await slope.data())[0] < 1e-5);
  tf.dispose([x, y, weights, inputMean, outputMean, slope]);
});

test("inputs and outputs of different numbers of rows are refused", () => {
  const [x, y] = [tf.ones([3, 2]), tf.ones([4, 2])];
  assert.throws(() => ridge(x, y), /as many of x as of y, got 3 and 4/);
  tf.dispose([x, y]);
});
