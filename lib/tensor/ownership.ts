/** Who disposes what: helpers for long-lived tensors, and the leak check that tests use. */
import { type NamedTensors, tf } from "./backend";

/** Disposes every tensor of a record. */
export function disposeAll(tensors: NamedTensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
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
