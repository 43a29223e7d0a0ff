import assert from "node:assert/strict";
import { test } from "node:test";
import { Adam, expectNoLeak, Random, tensorflowBuild, tf, topK, Variable } from ".";

test("the native backend runs and says which TensorFlow it is", () => {
  assert.match(tensorflowBuild().version, /^\d+\.\d+\.\d+/);
  assert.equal(tf.getBackend(), "tensorflow");
});

test("the same seed gives the same bits, in numbers and in tensors, and another seed gives others", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    const tensor = random.normalTensor([4]);
    return [random.uniform(), random.normal(), ...random.permutation(10), ...tensor.dataSync()];
  };
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test("a generator put back from its state goes on as it would have", () => {
  const random = new Random("state");
  random.uniform();
  const again = Random.fromState(JSON.parse(JSON.stringify(random.state())));
  assert.deepEqual([random.word(), random.normal()], [again.word(), again.normal()]);
});

test("normal and uniform numbers have the moments they should", () => {
  const random = new Random(3);
  const tensor = random.normalTensor([20000], 2, 3);
  const { mean, variance } = tf.moments(tensor);
  assert.ok(Math.abs(mean.dataSync()[0] - 2) < 0.1 && Math.abs(variance.dataSync()[0] - 9) < 0.4);
  const values = Array.from({ length: 20000 }, () => random.normal());
  const average = values.reduce((a, b) => a + b) / values.length;
  const square = values.reduce((a, b) => a + b * b) / values.length;
  assert.ok(Math.abs(average) < 0.03 && Math.abs(square - 1) < 0.05, `${average}, ${square}`);
  const least = Math.min(...Array.from({ length: 1000 }, () => random.int(7)));
  assert.equal(least, 0);
});

test("topK gives the largest entries of each row in falling order", () => {
  const { values, indices } = topK(
    tf.tensor2d([
      [1, 5, 3],
      [9, 2, 4],
    ]),
    2,
  );
  assert.deepEqual(values.arraySync(), [
    [5, 3],
    [9, 4],
  ]);
  assert.deepEqual(indices.arraySync(), [
    [1, 2],
    [0, 2],
  ]);
});

test("a variable keeps its value apart from the tensors it was made from and read into", async () => {
  await expectNoLeak(() => {
    const initial = tf.tensor1d([1, 2]);
    const variable = new Variable(initial);
    const before = variable.read();
    const other = tf.tensor1d([3, 4]);
    variable.assign(other);
    const after = variable.read();
    assert.deepEqual([...before.dataSync(), ...after.dataSync()], [1, 2, 3, 4]);
    tf.dispose([initial, before, other, after]);
    variable.dispose();
  });
});

test("Adam with weight decay follows the formulas of Loshchilov and Hutter", async () => {
  await expectNoLeak(() => {
    const start = [[0.5, -1.5]];
    const gradients = [
      [0.1, -0.2],
      [0.3, 0.4],
      [-0.5, 0.01],
    ];
    const initial = tf.tensor2d(start);
    const adam = new Adam({ w: initial }, { weightDecay: 0.1 });
    const expected = [...start[0]];
    const [m, v] = [
      [0, 0],
      [0, 0],
    ];
    gradients.forEach((gradient, t) => {
      const tensor = tf.tensor2d([gradient]);
      adam.apply({ w: tensor }, 0.01);
      tensor.dispose();
      gradient.forEach((g, i) => {
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        expected[i] *= 1 - 0.01 * 0.1;
        expected[i] -=
          (0.01 * (m[i] / (1 - 0.9 ** (t + 1)))) / (Math.sqrt(v[i] / (1 - 0.999 ** (t + 1))) + 1e-8);
      });
    });
    const { w } = adam.read();
    for (const [i, value] of w.dataSync().entries()) {
      assert.ok(Math.abs(value - expected[i]) < 1e-5, `${value}, ${expected[i]}`);
    }
    tf.dispose([w, initial]);
    adam.dispose();
  });
});

test("Adam restored from its state takes the very same next step", () => {
  const make = () => new Adam({ w: new Random("adam").normalTensor([3, 4]) });
  const gradient = () => ({ w: new Random("gradient").normalTensor([3, 4]) });
  const [first, second] = [make(), make()];
  first.apply(gradient(), 0.1);
  second.restore(first.step, first.state());
  first.apply(gradient(), 0.1);
  second.apply(gradient(), 0.1);
  assert.deepEqual(first.read().w.dataSync(), second.read().w.dataSync());
});

test("expectNoLeak notices a tensor left behind", async () => {
  await assert.rejects(
    expectNoLeak(() => {
      tf.scalar(1);
    }),
    /expectNoLeak: expected \d+ live tensors/,
  );
});

test("danfojs shares this TensorFlow instead of bringing its own", () => {
  const danfo = require("danfojs-node") as { tensorflow: unknown };
  assert.equal(danfo.tensorflow, require("@tensorflow/tfjs-node-gpu"));
});
