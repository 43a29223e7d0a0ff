// The kernel's process: `node kernels/main.js -f connection.json`. Starts the server and compiler threads; cells run in this one.

const fs = require("node:fs");
const path = require("node:path");
const { Worker } = require("node:worker_threads");

const root = path.resolve(__dirname, "..");
const flag = process.argv.indexOf("-f");
const connectionFile = flag === -1 ? undefined : process.argv[flag + 1];
if (!connectionFile) {
  console.error(
    "kernels/main.js: expected -f <connection file>, got none (do: start the kernel from Jupyter)",
  );
  process.exit(2);
}

// Cells get another one: see executor/main.ts.
const exit = process.exit.bind(process);
const notebookDir = process.cwd();
const connection = JSON.parse(fs.readFileSync(connectionFile, "utf8"));
const state = new SharedArrayBuffer(16);
/** What cells print, on its way to the server's thread: see executor/output-pipe.ts. */
const output = new SharedArrayBuffer(64 + 2 ** 20);

/** A thread runs one TypeScript file through the same loader as everything else. */
function startThread(entry, workerData) {
  const worker = new Worker(path.join(__dirname, "thread.js"), {
    workerData: { ...workerData, entry, root, notebookDir },
    stdin: false,
  });
  worker.on("error", (error) => {
    fs.writeSync(2, `kernels/${entry}: internal: ${error?.stack ?? error}\n`);
    exit(1);
  });
  return worker;
}

const server = startThread("session/server.ts", { connection, state, output });

require("./loader.js").useTypeScript(root);
require("./executor/main.ts").startExecutor({ root, notebookDir, server, state, output });
