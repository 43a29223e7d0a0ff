/** SIGINT, heard also while a cell keeps the main thread busy. */
import path from "node:path";
import { Worker } from "node:worker_threads";

/** Several signals in so short a time, in ms, are one wish: a terminal sends one to each process of a group, and so does a wrapper. */
const togetherMs = 100;

/**
 * @param current what an interrupt would end: a signal for something else is another wish, however soon it comes
 */
export function onInterruptSignal(current: () => unknown, interrupt: () => void): void {
  const worker = new Worker(path.join(__dirname, "sigint-thread.js"), {
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 },
  });
  let last: { at: number; ended: unknown } | undefined;
  worker.on("message", () => {
    const now = { at: performance.now(), ended: current() };
    if (!last || last.ended !== now.ended || now.at - last.at > togetherMs) interrupt();
    last = now;
  });
  worker.unref();
}
