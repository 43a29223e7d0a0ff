import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoLeak, Random, type Tensor, tf, unitRows } from "../tensor";
import { contrastiveLoss, zeroShotAccuracy, zeroShotCrossEntropy } from ".";

const P = 7;
const SCALE = Math.log(20);
const unit = (rows: number, seed: string) => unitRows(new Random(seed).normalTensor([rows, P]));

/** The definition, in float64 and without blocks. */
function naive(pictures: Tensor, classes: Tensor, scale: number): number[][] {
  const [a, b] = [pictures.arraySync() as number[][], classes.arraySync() as number[][]];
  return a.map((row) => b.map((other) => scale * row.reduce((sum, value, i) => sum + value * other[i], 0)));
}
const entropy = (logits: number[], own: number) =>
  Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0)) - logits[own];
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test("a class that is nearer, and one that ties, counts against the picture; classes without pictures do not count", () => {
  const classes = tf.eye(6);
  const pictures = tf.tensor2d([
    [1, 0, 0, 0, 0, 0], // its own class first
    [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], // its own class last
    [1, 1, 0, 0, 0, 0], // a tie with another
    [1, 0, 0, 0, 0, 0], // its own class first
  ]);
  const result = zeroShotAccuracy(pictures, classes, Int32Array.of(0, 5, 0, 0));
  assert.deepEqual(result, { top1: 2 / 4, top5: 3 / 4, meanPerClass: (2 / 3 + 0) / 2, count: 4 });
});

test("accuracies and cross entropy over many blocks are those of the definition", async () => {
  const [pictures, classes] = [unit(9000, "pictures"), unit(11, "classes")];
  const labels = Int32Array.from({ length: 9000 }, (_, i) => (i * i) % 11);
  const logitScale = tf.scalar(SCALE);
  await expectNoLeak(() => {
    const { top1, top5 } = zeroShotAccuracy(pictures, classes, labels);
    const logits = naive(pictures, classes, 20);
    const rank = logits.map((row, i) => row.filter((value) => value > row[labels[i]]).length);
    assert.equal(top1, rank.filter((r) => r < 1).length / 9000);
    assert.equal(top5, rank.filter((r) => r < 5).length / 9000);
    const expected = mean(logits.map((row, i) => entropy(row, labels[i])));
    const got = zeroShotCrossEntropy(pictures, classes, labels, logitScale);
    assert.ok(Math.abs(got - expected) < 1e-4, `${got}, ${expected}`);
  });
  assert.throws(
    () => zeroShotAccuracy(pictures, classes, labels.slice(1)),
    /expected 8999 pictures, one a label, got 9000/,
  );
});

test("the contrastive loss is CLIP's over whole batches, with the scale, and states its batch size", async () => {
  const [pictures, texts] = [unit(25, "pictures"), unit(25, "texts")];
  const logitScale = tf.scalar(SCALE);
  await expectNoLeak(() => {
    const got = contrastiveLoss(pictures, texts, { logitScale, batchSize: 10 });
    assert.deepEqual([got.batchSize, got.batches], [10, 2]);
    const whole = naive(pictures, texts, 20);
    const parts = [0, 10].map((from) =>
      whole.slice(from, from + 10).map((row) => row.slice(from, from + 10)),
    );
    const forward = mean(parts.flatMap((logits) => logits.map((row, i) => entropy(row, i))));
    const backward = mean(
      parts.flatMap((logits) =>
        logits.map((_, i) =>
          entropy(
            logits.map((row) => row[i]),
            i,
          ),
        ),
      ),
    );
    assert.ok(Math.abs(got.pictureToText - forward) < 1e-4);
    assert.ok(Math.abs(got.textToPicture - backward) < 1e-4);
    assert.equal(got.loss, (got.pictureToText + got.textToPicture) / 2);
  });
  const same = contrastiveLoss(pictures, pictures, { logitScale: tf.scalar(0), batchSize: 25 });
  assert.ok(same.loss < Math.log(25), "matching pairs beat chance");
  assert.throws(
    () => contrastiveLoss(pictures, texts, { logitScale, batchSize: 26 }),
    /at least 26, got 25 pictures/,
  );
});
