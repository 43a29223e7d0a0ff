import assert from "node:assert/strict";
import { test } from "node:test";
import { viewsOf } from "./affine";
import { tf } from "./backend";
import { expectNoLeak } from "./ownership";
import { Random } from "./random";

const still = { rotation: 0, zoom: 1, shift: [0, 0] } as const;

test("nothing moved is the picture, a shift moves whole pixels, a quarter turn turns", async () => {
  await expectNoLeak(async () => {
    const picture = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
    const views = viewsOf(picture, [
      still,
      { ...still, shift: [1, 0] },
      { ...still, shift: [0, -1] },
      { ...still, rotation: Math.PI / 2 },
    ]);
    const rounded = Array.from(await views.data(), (value) => Math.round(value * 1e4) / 1e4);
    assert.deepEqual(rounded.slice(0, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(rounded.slice(9, 18), [0, 1, 2, 0, 4, 5, 0, 7, 8]);
    assert.deepEqual(rounded.slice(18, 27), [4, 5, 6, 7, 8, 9, 0, 0, 0]);
    assert.deepEqual(rounded.slice(27), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
    tf.dispose([picture, views]);
  });
});

test("zoomed in, a pixel between two others is their mean", async () => {
  const picture = tf.tensor4d([0, 0, 0, 2, 4, 6, 0, 0, 0], [1, 3, 3, 1]);
  const view = viewsOf(picture, [{ ...still, zoom: 2 }]);
  assert.deepEqual([...(await view.data()).slice(3, 6)], [3, 4, 5]);
  tf.dispose([picture, view]);
});

test("the gradient is the transposed map", async () => {
  const random = new Random("affine");
  const [picture, probe] = [random.normalTensor([1, 5, 5, 2]), random.normalTensor([2, 5, 5, 2])];
  const views = [
    { rotation: 0.3, zoom: 1.1, shift: [0.4, -1] as const },
    { rotation: -0.2, zoom: 0.9, shift: [0, 0.3] as const },
  ];
  const gradient = tf.grad((x) => viewsOf(x, views).mul(probe).sum().asScalar())(picture);
  const direction = random.normalTensor([1, 5, 5, 2]);
  const [slope, change] = tf.tidy(() => [
    gradient.mul(direction).sum().dataSync()[0],
    // The map is linear.
    viewsOf(direction, views).mul(probe).sum().dataSync()[0],
  ]) as unknown as [number, number];
  assert.ok(Math.abs(slope - change) < 1e-4 * Math.abs(change), `${slope}, ${change}`);
  tf.dispose([picture, probe, gradient, direction]);
});
