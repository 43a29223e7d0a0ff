// What the set-up prepared of the kernel (see compiler/build.ts): its code as JavaScript, and its compiler's process as a snapshot.

const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

/** @param {string} root the clone */
exports.folderOf = (root) => path.join(root, ".vitrine", "kernel");

/**
 * Where the prepared code and the snapshot are, if they were made by this Node, in this folder, from the files as they are.
 * @param {string} root
 * @returns {{ code: string, snapshot: string } | undefined}
 */
exports.preparedKernel = (root) => {
  const folder = exports.folderOf(root);
  try {
    const made = fs.readFileSync(path.join(folder, "prepared.json"), "utf8");
    if (made !== exports.originOf(root)) return undefined;
    return { code: path.join(folder, "code"), snapshot: path.join(folder, "compiler.blob") };
  } catch {
    return undefined; // Nothing was made, or a source is missing: the kernel then starts from its sources.
  }
};

/**
 * What is prepared depends on this. Sources of lib need not be here: the compiler looks at them again at each cell.
 * @param {string} root
 * @returns {string}
 */
exports.originOf = (root) => {
  const hash = createHash("sha256");
  for (const name of [...exports.sourcesOf(root), "tsconfig.json", "package-lock.json"]) {
    hash.update(`\0${name}\0`).update(fs.readFileSync(path.resolve(root, name)));
  }
  const { version, platform, arch } = process;
  return JSON.stringify({ version, platform, arch, root, files: hash.digest("hex") });
};

/**
 * The kernel's own code, relative to the clone.
 * @param {string} root
 * @returns {string[]}
 */
exports.sourcesOf = (root) => {
  const kernels = path.join(root, "kernels");
  const found = [];
  for (const entry of fs.readdirSync(kernels, { withFileTypes: true })) {
    if (entry.isFile()) found.push(entry.name);
    else
      for (const name of fs.readdirSync(path.join(kernels, entry.name)))
        found.push(path.join(entry.name, name));
  }
  return found
    .filter(
      (name) => /\.[jt]s$/.test(name) && !/\.(test|bench)\.ts$/.test(name) && !name.startsWith("comparison"),
    )
    .sort()
    .map((name) => path.join("kernels", name));
};
