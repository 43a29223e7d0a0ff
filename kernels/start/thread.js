// First code of the server's thread: starts the compiler's process, then loads the thread's own entry.

const path = require("node:path");
const { workerData } = require("node:worker_threads");

const { entry, root, notebookDir, snapshot, isPrepared } = workerData;
require("../compiler/spawn.js").spawnFirst({ root, notebookDir, snapshot });
if (!isPrepared) require("./loader.js").useTypeScript(root);
require(path.join(__dirname, "..", entry));
