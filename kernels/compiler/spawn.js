// Starts the compiler's process. The first one is started before the kernel's own code is loaded: it takes longest to be ready.

const { spawn } = require("node:child_process");
const path = require("node:path");

/**
 * @param {{ root: string, notebookDir: string, snapshot: string | undefined }} options
 * @returns {import("node:child_process").ChildProcess} it speaks JSON over IPC
 */
exports.spawnCompiler = ({ root, notebookDir, snapshot }) => {
  const start = snapshot
    ? ["--snapshot-blob", snapshot]
    : [path.join(root, "kernels", "compiler", "main.js")];
  return spawn(process.execPath, [...start, root, notebookDir], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
};

/** @type {import("node:child_process").ChildProcess | undefined} */
let first;

/** @param {Parameters<exports["spawnCompiler"]>[0]} options */
exports.spawnFirst = (options) => {
  first = exports.spawnCompiler(options);
};

/** The process that was started ahead, once. */
exports.takeFirst = () => {
  const taken = first;
  first = undefined;
  return taken;
};
