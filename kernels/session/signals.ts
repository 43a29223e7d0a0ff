/** SIGINT, heard also while a cell keeps the main thread busy. */
import path from "node:path";
import { Worker } from "node:worker_threads";

/** Several signals in so short a time, in ms, are one wish: a terminal sends one to each process of a group, and so does a wrapper. */
const togetherMs = 100;

/** @param root the clone */
export function onInterruptSignal(root: string, interrupt: () => void): void {
  const worker = new Worker(path.join(root, "kernels", "sigint.js"), {
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 },
  });
  let last = Number.NEGATIVE_INFINITY;
  worker.on("message", () => {
    const now = performance.now();
    if (now - last > togetherMs) interrupt();
    last = now;
  });
  worker.unref();
}
