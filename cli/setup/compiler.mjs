/** Set-up step: the kernel's code as JavaScript, and its type checker with all types loaded, in .vitrine/kernel. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { sourcesOf } from "../../kernels/start/prepared.js";
import { typescriptArguments } from "../typescript.mjs";
import { runLogged } from "./child.mjs";
import { hashFiles } from "./stamp.mjs";

/** @param {import("./paths.mjs").Paths} paths */
export function compiler(paths) {
  const step = {
    id: "compiler",
    title: "kernel and its type checker",
    expectation: "loading all types, about 10 s",
    needs: [],
    needsMB: 150,
    after: ["npm-packages"],
    stamp: join(paths.kernelState, ".vitrine-compiler.json"),
    inputs: () => ({
      node: process.version,
      root: paths.root,
      code: hashFiles([...sources(paths.root), "tsconfig.json"].map((name) => join(paths.root, name))),
      lock: hashFiles([paths.lockFile]),
    }),
    outputs: () => ["compiler.blob", "prepared.json", "code"].map((name) => join(paths.kernelState, name)),
    async run(context) {
      await runLogged(context, {
        step,
        command: process.execPath,
        args: typescriptArguments(paths, "prepare-kernel", []),
        name: "vitrine",
      });
      return {};
    },
  };
  return step;
}

function sources(root) {
  return existsSync(join(root, "kernels")) ? sourcesOf(root) : [];
}
