import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attention,
  expectNoLeak,
  frozen,
  gelu,
  layerNorm,
  linear,
  quickGelu,
  Random,
  type Tensor,
  type TransformerOps,
  tf,
  trainable,
} from ".";

const random = new Random("nn.test");
const x = random.normalTensor([6, 8]);
const weight = random.normalTensor([5, 8]);
const bias = random.normalTensor([5]);
const scale = random.normalTensor([8]);
const shift = random.normalTensor([8]);

const naiveLinear = (a: Tensor, w: Tensor, b: Tensor) => tf.matMul(a, w.transpose()).add(b);
const naiveGelu = (a: Tensor) => a.div(tf.scalar(1).add(a.mul(-1.702).exp()));
const naiveExactGelu = (a: Tensor) => a.mul(a.div(Math.SQRT2).erf().add(1).div(2));
const naiveNorm = (a: Tensor, gain: Tensor, offset: Tensor) => {
  const { mean, variance } = tf.moments(a, -1, true);
  return a.sub(mean).div(variance.add(1e-5).sqrt()).mul(gain).add(offset);
};

type Op = (...inputs: Tensor[]) => Tensor;
const norm: Op = (a, gain, offset) => layerNorm(a, gain, offset, 1e-5);

const pairs: [string, Op, Op, Tensor[]][] = [
  ["linear", linear as Op, naiveLinear as Op, [x, weight, bias]],
  ["quickGelu", quickGelu as Op, naiveGelu as Op, [x]],
  ["gelu", gelu as Op, naiveExactGelu as Op, [x]],
  ["layerNorm", norm, naiveNorm as Op, [x, scale, shift]],
];

for (const [name, fast, naive, inputs] of pairs) {
  test(`${name} and its gradients agree with the naive form under autodiff`, async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const probe = new Random("probe").normalTensor(naive(...inputs).shape);
        const run = (f: (...inputs: Tensor[]) => Tensor) =>
          tf.valueAndGrads((...tensors: Tensor[]) =>
            f(...tensors)
              .mul(probe)
              .sum()
              .asScalar(),
          )(inputs);
        close(fast(...inputs), naive(...inputs), `${name}'s value`);
        const [got, expected] = [run(fast), run(naive)];
        for (const [i, gradient] of got.grads.entries()) {
          close(gradient, expected.grads[i], `gradient ${i} of ${name}`);
        }
      });
    });
  });
}

test("attention mixes values by the softmax of scaled scores, head by head, and respects its mask", () => {
  const [batch, tokens, heads, head] = [2, 3, 2, 4];
  const [q, k, v] = [0, 1, 2].map(() => random.normalTensor([batch, tokens, heads, head]));
  const mask = tf.tensor2d([0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0], [3, 3]);
  const flat = (tensor: Tensor) =>
    tensor.reshape([batch, tokens, heads * head]).arraySync() as unknown as number[][][];
  const got = flat(attention(q, k, v, { mask }));
  const [Q, K, V] = [q, k, v].map(flat);
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < tokens; t++) {
      for (let h = 0; h < heads; h++) {
        const at = (row: number[]) => row.slice(h * head, (h + 1) * head);
        const scores = Array.from({ length: t + 1 }, (_, s) =>
          Math.exp(at(Q[b][t]).reduce((sum, value, i) => sum + value * at(K[b][s])[i], 0) / Math.sqrt(head)),
        );
        const total = scores.reduce((a, c) => a + c, 0);
        at(got[b][t]).forEach((value, i) => {
          const expected = scores.reduce((sum, score, s) => sum + (score / total) * at(V[b][s])[i], 0);
          assert.ok(
            Math.abs(value - expected) < 1e-5,
            `batch ${b}, token ${t}, head ${h}: ${value}, ${expected}`,
          );
        });
      }
    }
  }
});

const frozenCases: [string, number[], (ops: TransformerOps, input: Tensor) => Tensor][] = [
  ["linear", [6, 8], (ops, input) => ops.linear(input, weight, bias)],
  ["layerNorm", [6, 8], (ops, input) => ops.layerNorm(input, scale, shift, 1e-5)],
  ["quickGelu", [6, 8], (ops, input) => ops.quickGelu(input)],
  ["gelu", [6, 8], (ops, input) => ops.gelu(input)],
  ["attention", [2, 5, 2, 4], (ops, input) => ops.attention(input, input.mul(0.5), input.neg())],
];

for (const [name, shape, run] of frozenCases) {
  test(`${name} with frozen parameters has the trainable form's value and gradient of the input`, async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const input = new Random(name).normalTensor(shape);
        const probe = new Random("probe").normalTensor(run(trainable, input).shape);
        const grad = (ops: TransformerOps) =>
          tf.grad((value: Tensor) => run(ops, value).mul(probe).sum())(input);
        close(run(frozen, input), run(trainable, input), `${name}'s value`);
        close(grad(frozen), grad(trainable), `${name}'s gradient`);
      });
    });
  });
}

function close(got: Tensor, expected: Tensor, what: string): void {
  const difference = got.sub(expected).abs().max().dataSync()[0];
  assert.ok(difference < 2e-5, `${what} is off by ${difference}`);
}
