// A thread that sleeps until SIGINT reaches the process and then tells the thread that started it. Node's own signal events wait for
// the main thread, which a cell may keep busy; a script run with `breakOnSigint` is woken by the signal itself, in whichever thread it runs.

const { parentPort } = require("node:worker_threads");
const vm = require("node:vm");

const never = new Int32Array(new SharedArrayBuffer(4));
globalThis.sleep = () => Atomics.wait(never, 0, 0);
const sleeping = new vm.Script("sleep()");
globalThis.listen = () => {
  for (;;) listenOnce(sleeping);
};
const listening = new vm.Script("listen()");
// One inside the other: while the inner one is started again a further signal ends the outer one, and never the process.
for (;;) listenOnce(listening);

function listenOnce(script) {
  try {
    script.runInThisContext({ breakOnSigint: true });
  } catch (error) {
    if (error?.code !== "ERR_SCRIPT_EXECUTION_INTERRUPTED") throw error;
    parentPort.postMessage("SIGINT");
  }
}
