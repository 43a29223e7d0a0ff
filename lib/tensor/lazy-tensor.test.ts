import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoLeak, lazyTensor, letGo, tf } from ".";

test("a lazy tensor's numbers are made when they are needed, kept while they are there, and made again", async () => {
  await expectNoLeak(() => {
    let made = 0;
    const lazy = lazyTensor([2, 3], () => {
      made++;
      return Float32Array.from({ length: 6 }, (_, i) => i);
    });
    assert.equal(made, 0);
    const flat = lazy.reshape([6]);
    const sum = () => tf.tidy(() => lazy.sum().dataSync()[0]);
    assert.deepEqual([sum(), sum(), made], [15, 15, 1]);
    letGo(lazy);
    letGo(lazy);
    assert.deepEqual([...flat.dataSync()], [0, 1, 2, 3, 4, 5], "what was made of it stays");
    assert.deepEqual([sum(), made], [15, 2]);
    letGo(lazy);
    assert.deepEqual([...lazy.dataSync()], [0, 1, 2, 3, 4, 5]);
    tf.dispose([lazy, flat]);
    letGo(lazy);
  });
});

test("other tensors are left alone", () => {
  const plain = tf.tensor1d([1, 2]);
  letGo(plain);
  assert.deepEqual([...plain.add(1).dataSync()], [2, 3]);
});
