/** Where things are: the clone's root and every place that the set-up writes to. */
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone's root folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

/**
 * All paths below one root folder; tests pass a folder of their own.
 * @param {string} base
 */
export function pathsUnder(base) {
  const at = (...parts) => join(base, ...parts);
  return {
    root: base,
    lockFile: at("package-lock.json"),
    nodeModules: at("node_modules"),
    venv: at(".venv"),
    python: at(".venv", "bin", "python"),
    requirements: at("cli", "setup", "requirements.txt"),
    labSettings: at("cli", "setup", "lab-settings.json"),
    tensorflow: at(".venv", "tensorflow"),
    tfjs: at("node_modules", "@tensorflow", "tfjs-node-gpu"),
    addon: at("node_modules", "@tensorflow", "tfjs-node-gpu", "lib", "napi-v8", "tfjs_binding.node"),
    hush: at("node_modules", "@tensorflow", "tfjs-node-gpu", "lib", "napi-v8", "hush.node"),
    hushSource: at("lib", "tensor", "native", "hush.c"),
    kernels: at(".vitrine", "native", "kernels.node"),
    kernelSources: at("lib", "tensor", "native"),
    nodeApiHeaders: at("node_modules", "node-api-headers"),
    kernelspecTemplate: at("kernels", "kernelspec"),
    kernelspec: at(".venv", "share", "jupyter", "kernels", "vitrine"),
    papermillPlugin: at("kernels", "papermill"),
    prepareEmoji: at("cli", "commands", "prepare-emoji.ts"),
    emoji: at("data", "emoji", "prepared"),
    clipWeights: at("data", "emoji-clip", "model.safetensors"),
    notebooks: at("notebooks"),
    state: at(".vitrine"),
    logs: at(".vitrine", "logs"),
    kernelState: at(".vitrine", "kernel"),
    setupLock: at(".vitrine", "setup.lock"),
    jupyter: at(".vitrine", "jupyter"),
  };
}

/** @typedef {ReturnType<typeof pathsUnder>} Paths */

/** A path as shown to a person: relative to the clone where it is inside it. */
export function shown(base, path) {
  const short = relative(base, path);
  return short.startsWith("..") ? path : short || ".";
}
