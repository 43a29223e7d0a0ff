/** Who disposes what: helpers for long-lived tensors, and the leak check that tests use. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type NamedTensors, tf } from "./backend";

/** Disposes every tensor of a record. */
export function disposeAll(tensors: NamedTensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/**
 * Gives back the memory of arrays and tensors' data that nobody refers to any more. The collector does it by itself where
 * JavaScript allocates; a loop of native steps does not, and what its beginning left behind, each as large as all
 * weights, would stay for as long as it lasts.
 */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  // What is not JavaScript's own is freed in tasks after that.
  for (let task = 0; task < 3; task++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Runs `body` and throws when it left more tensors behind than there were before, or fewer. For tests: a
 * function disposes what it makes and never what it is given.
 */
export async function expectNoLeak(body: () => void | Promise<void>): Promise<void> {
  const before = tf.memory().numTensors;
  await body();
  const after = tf.memory().numTensors;
  if (after !== before) {
    throw new Error(
      `expectNoLeak: expected ${before} live tensors, got ${after} (do: dispose what was made, keep what was given)`,
    );
  }
}
