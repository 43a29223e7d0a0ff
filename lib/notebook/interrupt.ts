/** How long work in a cell learns that the person pressed "interrupt". */

/** Where the kernel keeps the running cell's signal. */
const INTERRUPT = Symbol.for("Jupyter.interrupt");

/**
 * The signal of the running cell, to be handed to whatever takes an AbortSignal: it then stops cleanly, with its
 * checkpoint written. Undefined outside a notebook.
 */
export function cellSignal(): AbortSignal | undefined {
  const holder = (globalThis as Record<symbol, unknown>)[INTERRUPT] as { signal: AbortSignal } | undefined;
  return holder?.signal;
}
