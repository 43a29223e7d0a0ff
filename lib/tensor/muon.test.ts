import assert from "node:assert/strict";
import { test } from "node:test";
import { disposeAll, expectNoLeak, Muon, type NamedTensors, orthogonalise, Random, type Tensor, tf } from ".";

/** Both singular values of a matrix with two rows, largest first, from the eigenvalues of its Gram matrix. */
function singularValues([a, b]: number[][]): [number, number] {
  const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const [p, q, r] = [dot(a, a), dot(a, b), dot(b, b)];
  const root = Math.sqrt((p - r) ** 2 + 4 * q * q);
  return [Math.sqrt((p + r + root) / 2), Math.sqrt(Math.max(0, (p + r - root) / 2))];
}

test("orthogonalise brings all singular values near one and keeps the directions, wide or tall", async () => {
  const random = new Random("muon");
  await expectNoLeak(() => {
    const wide = random.normalTensor([8, 2, 6]);
    const out = orthogonalise(wide);
    const [before, after] = [wide.arraySync() as number[][][], out.arraySync() as number[][][]];
    before.forEach((matrix, i) => {
      const [largest, least] = singularValues(after[i]);
      assert.ok(largest < 1.25 && least > 0.65, `${largest}, ${least}`);
      // U S Vᵀ against U Vᵀ: the inner product is the sum of S, times about one.
      const inner = matrix.flat().reduce((sum, value, at) => sum + value * after[i].flat()[at], 0);
      const sum = singularValues(matrix).reduce((a, b) => a + b);
      assert.ok(Math.abs(inner / sum - 1) < 0.35, `${inner} against ${sum}`);
    });
    const tall = tf.transpose(wide, [0, 2, 1]);
    const turned = orthogonalise(tall as Tensor);
    const back = tf.transpose(turned, [0, 2, 1]);
    const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(back, out))));
    assert.ok(difference.dataSync()[0] < 1e-5);
    tf.dispose([wide, out, tall, turned, back, difference]);
  });
});

const matrices = (label: string): NamedTensors => {
  const random = new Random(label);
  return {
    a: random.normalTensor([3, 5]),
    b: random.normalTensor([4, 2]),
    c: random.normalTensor([3, 5]),
  };
};

test("Muon steps along Nesterov's momentum, orthogonalised, with decoupled decay", async () => {
  await expectNoLeak(() => {
    const [parameters, first, second] = [matrices("parameters"), matrices("first"), matrices("second")];
    const muon = new Muon(parameters, { momentum: 0.9, weightDecay: 0.1, stepSize: 0.2 });
    muon.apply(first, 0.01);
    muon.apply(second, 0.02);
    const found = muon.read();
    for (const name of Object.keys(parameters)) {
      const expected = tf.tidy(() => {
        let value = parameters[name];
        let momentum = tf.zerosLike(value);
        for (const [gradient, lr] of [
          [first[name], 0.01],
          [second[name], 0.02],
        ] as const) {
          momentum = momentum.mul(0.9).add(gradient);
          const direction = orthogonalise(gradient.add(momentum.mul(0.9)).expandDims(0)).squeeze([0]);
          const size = 0.2 * lr * Math.sqrt(Math.max(...value.shape));
          value = value.mul(1 - 0.1 * lr).sub(direction.mul(size));
        }
        return value.sub(found[name]).abs().max();
      });
      assert.ok(expected.dataSync()[0] < 1e-5, name);
      expected.dispose();
    }
    for (const record of [parameters, first, second, found]) disposeAll(record);
    muon.dispose();
  });
});

test("Muon restored from its state takes the very same next step, and refuses what is no matrix", async () => {
  await expectNoLeak(() => {
    const [parameters, gradients] = [matrices("parameters"), matrices("gradients")];
    const [one, other] = [new Muon(parameters), new Muon(gradients)];
    one.apply(gradients, 0.01);
    const state = one.state();
    other.restore(state);
    for (const muon of [one, other]) muon.apply(gradients, 0.01);
    const [a, b] = [one.read(), other.read()];
    for (const name of Object.keys(a)) assert.deepEqual(b[name].dataSync(), a[name].dataSync(), name);
    assert.throws(() => one.apply({ a: gradients.a }, 0.01), /expected a gradient for "[bc]"/);
    const bias = tf.tensor1d([1]);
    assert.throws(() => new Muon({ bias }), /expected a matrix for "bias"/);
    for (const record of [{ bias }, parameters, gradients, state.values, state.momentum, a, b])
      disposeAll(record);
    one.dispose();
    other.dispose();
  });
});
