// Makes JavaScript of all of lib, without running any: `node kernels/start/translate-lib.js ROOT`. What a kernel does at the first import
// of a module is kept by tsx and by executor/guard-cache.ts, and takes seconds for all of them.

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const root = process.argv[2];
require("./loader.js").useTypeScript(root);
const { GuardCache } = require("../executor/guard-cache.ts");
require("../executor/guard-code.ts"); // Which the cache would load too late: from here on nothing runs.
const guards = new GuardCache(root);
Module.prototype._compile = (code, fileName) => guards.guarded(code, fileName);

const lib = path.join(root, "lib");
for (const name of fs.readdirSync(lib, { recursive: true })) {
  if (/(?<!\.d|\.test|\.bench)\.ts$/.test(name)) require(path.join(lib, name));
}
