// First code of each worker thread: makes TypeScript loadable, then loads the thread's own entry.

const path = require("node:path");
const { workerData } = require("node:worker_threads");

require("./loader.js").useTypeScript(workerData.root);
require(path.join(__dirname, workerData.entry));
