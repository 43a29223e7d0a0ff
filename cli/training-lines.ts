/** What the training commands share: Ctrl-C as a signal, and a line now and then while activations are collected. */
import type { ActivationProgress } from "../lib/io";

/** Aborted by Ctrl-C or a termination, once; a second one ends the process. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => stop.abort(new Error("stopped")));
  }
  return stop.signal;
}

/** Prints how far collecting is, every few seconds. */
export function collectingLine(): (progress: ActivationProgress) => void {
  let told = performance.now();
  return ({ done, total, cached }) => {
    const now = performance.now();
    if (cached || (now - told < 5000 && done < total)) return;
    told = now;
    console.log(`activations: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`);
  };
}
