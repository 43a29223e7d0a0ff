/** The thread that answers heartbeats, seen from outside. */
import { once } from "node:events";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { log } from "./log";

export class Heartbeat {
  readonly #worker: Worker;

  /** @param address where front ends knock */
  constructor(address: string) {
    this.#worker = new Worker(path.join(__dirname, "heartbeat-thread.js"), {
      workerData: { address },
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 },
    });
    this.#worker.on("error", (error) => {
      log(`protocol: the heartbeat stopped: ${error.stack ?? error.message}`);
    });
  }

  /** Must be waited for before the process ends: ZeroMQ aborts a process whose thread still reads from a socket. */
  async close(): Promise<void> {
    this.#worker.postMessage("close");
    if (this.#worker.threadId !== -1) await once(this.#worker, "exit");
  }
}
