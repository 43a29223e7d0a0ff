import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoLeak, Random, type Tensor, tf, unitRows } from "../tensor";
import { contrastiveTerms } from ".";

const random = new Random("contrastive");
const rows = (count: number) => unitRows(random.normalTensor([count, 5]));
const pictures = rows(6);
const texts = rows(3);
const bank = rows(4);
const labels = rows(2);
const conceptOf = Int32Array.of(0, 0, 1, 2, 2, 2);
const labelOf = Int32Array.of(0, 0, 1, -1, -1, -1);
const inBatch = Float32Array.of(1, 0, 0, 1);
const logitScale = tf.scalar(1.5);

/** The terms written as sums over plain numbers. */
function naiveTerms() {
  const [P, T, M, G] = [pictures, texts, bank, labels].map((tensor) => tensor.arraySync() as number[][]);
  const scale = Math.exp(1.5);
  const cosine = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const logSum = (values: number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const free = M.filter((_, i) => inBatch[i] === 0);
  const of = (concept: number) => P.filter((_, i) => conceptOf[i] === concept);
  return {
    pictureToText: mean(
      P.map(
        (p, i) =>
          logSum([...T, ...free].map((t) => scale * cosine(p, t))) - scale * cosine(p, T[conceptOf[i]]),
      ),
    ),
    textToPicture: mean(
      T.map(
        (t, u) => logSum(P.map((p) => scale * cosine(p, t))) - mean(of(u).map((p) => scale * cosine(p, t))),
      ),
    ),
    pictureToPicture: mean(
      P.flatMap((p, i) => {
        const others = P.filter((_, j) => j !== i);
        const same = P.filter((_, j) => j !== i && conceptOf[j] === conceptOf[i]);
        if (same.length === 0) return [];
        return [logSum(others.map((o) => cosine(p, o) / 0.1)) - mean(same.map((o) => cosine(p, o) / 0.1))];
      }),
    ),
    pictureToLabel: mean(
      P.flatMap((p, i) => {
        if (labelOf[i] < 0) return [];
        return [logSum(G.map((g) => scale * cosine(p, g))) - scale * cosine(p, G[labelOf[i]])];
      }),
    ),
  };
}

test("every term of the loss agrees with its definition written out in plain numbers", async () => {
  const expected = naiveTerms();
  await expectNoLeak(() => {
    tf.tidy(() => {
      const got = contrastiveTerms({
        pictures,
        texts,
        conceptOf,
        logitScale,
        bank: { embeddings: bank, inBatch },
        labels: { embeddings: labels, labelOf },
      });
      for (const [name, value] of Object.entries(expected)) {
        const found = got[name as keyof typeof expected].dataSync()[0];
        assert.ok(Math.abs(found - value) < 1e-5, `${name}: ${found}, by hand ${value}`);
      }
    });
  });
});

test("pictures of one concept are not pushed apart: equal ones of one concept get equal gradients", () => {
  const [one, other] = [rows(1), rows(1)];
  const pixels = tf.concat([one, one, other], 0);
  const loss = (x: Tensor) => {
    const { pictureToPicture, textToPicture } = contrastiveTerms({
      pictures: unitRows(x),
      texts: tf.concat([one, other], 0),
      conceptOf: Int32Array.of(0, 0, 1),
      logitScale,
    });
    return pictureToPicture.add(textToPicture).asScalar();
  };
  const gradient = tf.grad(loss)(pixels).arraySync() as number[][];
  // Descent moves both alike, and away from the other concept: never from each other.
  gradient[0].forEach((value, i) => {
    assert.ok(Math.abs(value - gradient[1][i]) < 1e-6, `${value} and ${gradient[1][i]}`);
  });
  const towardsOther = tf.sum(tf.tensor1d(gradient[0]).mul(other.reshape([-1]))).dataSync()[0];
  assert.ok(towardsOther > 1e-4, `descent moves away from the other concept (${towardsOther})`);
});
