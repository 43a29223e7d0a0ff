/** Set-up step: the notebooks' type checker, with all types loaded, as a snapshot in .vitrine/kernel. */
import { join } from "node:path";
import { typescriptArguments } from "../typescript.mjs";
import { runLogged } from "./child.mjs";
import { hashFiles } from "./stamp.mjs";

/** @param {import("./paths.mjs").Paths} paths */
export function compiler(paths) {
  const step = {
    id: "compiler",
    title: "type checker of the notebooks",
    expectation: "loading all types, about 10 s",
    needs: [],
    needsMB: 150,
    after: ["npm-packages"],
    stamp: join(paths.kernelState, ".vitrine-compiler.json"),
    inputs: () => ({
      node: process.version,
      root: paths.root,
      code: hashFiles([join(paths.root, "kernels", "compiler"), join(paths.root, "tsconfig.json")]),
      lock: hashFiles([paths.lockFile]),
    }),
    outputs: () => [join(paths.kernelState, "compiler.blob"), join(paths.kernelState, "compiler.json")],
    async run(context) {
      await runLogged(context, {
        step,
        command: process.execPath,
        args: typescriptArguments(paths, "prepare-compiler", []),
        name: "vitrine",
      });
      return {};
    },
  };
  return step;
}
