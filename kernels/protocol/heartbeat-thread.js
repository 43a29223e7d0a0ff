// A thread that echoes heartbeats and does nothing else, so that they are answered whatever keeps the others busy. It ends by any message.

const { parentPort, workerData } = require("node:worker_threads");
const { Router } = require("zeromq");

/** After an error, so many ms: one that lasts must not keep the processor busy. */
const pauseMs = 20;

// Not a Reply: that one insists on the form of what it gets, and a stranger's message would make it fail.
const socket = new Router({ linger: 0, sendHighWaterMark: 1_000, sendTimeout: 0 });
parentPort.once("message", () => socket.close());

(async () => {
  await socket.bind(workerData.address);
  while (!socket.closed) {
    try {
      await socket.send(await socket.receive());
    } catch {
      // The front end is gone, or what it sent was no message.
      if (!socket.closed) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
})();
