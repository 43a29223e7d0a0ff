/** Parameters and moments in plain memory: the same steps as on tensors, and memory that is let go of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Adam, disposeAll, expectNoLeak, HostAdam, hostFloats, Random, Rows, tf } from ".";
import { assertClose } from "./assert-close";

test("HostAdam takes Adam's steps and restores from its state, also one of Adam's", async () => {
  await expectNoLeak(() => {
    const random = new Random("host-adam");
    const start = { a: random.normalTensor([300, 7]), b: random.normalTensor([70001]) };
    const [host, tensor] = [new HostAdam(start, { beta1: 0.8 }), new Adam(start, { beta1: 0.8 })];
    const step = (stores: (HostAdam | Adam)[]) => {
      // Tiny ones too, where epsilon decides.
      const gradients = { a: random.normalTensor([300, 7]), b: random.normalTensor([70001], 0, 1e-8) };
      for (const store of stores) store.apply(gradients, 0.01);
      disposeAll(gradients);
    };
    const assertSame = (store: HostAdam | Adam, expected: HostAdam | Adam, bound: number) => {
      const [got, wanted] = [store.state(), expected.state()];
      for (const part of ["values", "first", "second"] as const) {
        for (const name of ["a", "b"])
          assertClose(got[part][name].dataSync(), wanted[part][name].dataSync(), `${part} ${name}`, bound);
        disposeAll(got[part]);
        disposeAll(wanted[part]);
      }
    };
    for (let i = 0; i < 10; i++) step([host, tensor]);
    assertSame(host, tensor, 1e-5);
    const resumed = new HostAdam(start, { beta1: 0.8 });
    const state = tensor.state();
    resumed.restore(tensor.step, state);
    for (const part of ["values", "first", "second"] as const) disposeAll(state[part]);
    step([host, tensor, resumed]);
    assertSame(resumed, tensor, 1e-6);
    disposeAll(start);
    for (const store of [host, tensor, resumed]) store.dispose();
  });
});

test("memory of the kernels is zero at first and may be let go of", () => {
  for (const count of [1, 1000, 1 << 20]) {
    const memory = hostFloats(count);
    assert.equal(memory.length, count);
    assert.ok(memory.every((value) => value === 0));
    memory.fill(1);
  }
});

test("disposed memory is free at once, whatever the garbage collector does", async () => {
  const resident = () => process.memoryUsage().rss / 2 ** 20;
  const tensor = tf.zeros([1 << 22]);
  const round = async () => {
    const store = new HostAdam({ w: tensor }); // 48 MB
    for (const part of ["first", "second"] as const) store.slot("w")[part].fill(1);
    const { value } = store.slot("w");
    const rows = new Rows().set(value, 1 << 12, 1 << 10); // 16 MB
    rows.dispose();
    store.dispose();
    assert.equal(value.length, 0);
    await new Promise(setImmediate);
  };
  for (let i = 0; i < 3; i++) await round();
  const before = resident();
  for (let i = 0; i < 20; i++) await round();
  assert.ok(resident() < before + 640, `${before} MB at first, ${resident()} MB after 20 rounds of 64 MB`);
  tensor.dispose();
});
