// The kernel's process: `node kernels/main.js -f connection.json`. Starts the server's thread; cells run in this one. What runs is the
// code that the set-up made JavaScript of, or the sources themselves where they are not what it was made of.

const fs = require("node:fs");
const path = require("node:path");
const { Worker } = require("node:worker_threads");
const { preparedKernel } = require("./start/prepared.js");

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
const prepared = preparedKernel(root);
const code = prepared?.code ?? __dirname;
const isPrepared = prepared !== undefined;
/** A file of the kernel's own code. */
const own = (name) => path.join(code, `${name}.${isPrepared ? "js" : "ts"}`);

const server = new Worker(path.join(code, "start", "thread.js"), {
  workerData: {
    ...{ connection, state, output, root, notebookDir, isPrepared },
    snapshot: prepared?.snapshot,
    entry: path.relative(code, own("session/server")),
  },
  stdin: false,
});
server.on("error", (error) => {
  fs.writeSync(2, `kernels/session/server: internal: ${error?.stack ?? error}\n`);
  exit(1);
});

const { useTypeScript } = require("./start/loader.js");
if (!isPrepared) useTypeScript(root);
require(own("executor/main")).startExecutor({ root, notebookDir, server, state, output });
// Cells import TypeScript; the first of them is still being compiled.
if (isPrepared) setImmediate(useTypeScript, root);
