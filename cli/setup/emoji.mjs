/** Set-up step: the emoji pictures, rendered once into data/emoji/prepared. */
import { join } from "node:path";
import { typescriptArguments } from "../typescript.mjs";
import { runLogged } from "./child.mjs";
import { hashFiles } from "./stamp.mjs";

/** @param {import("./paths.mjs").Paths} paths */
export function emoji(paths) {
  const step = {
    id: "emoji",
    title: "emoji pictures",
    expectation: "rendering 23,945, about a minute",
    needs: [],
    needsMB: 350,
    after: ["npm-packages"],
    stamp: join(paths.emoji, ".vitrine-emoji.json"),
    // The command has a finer stamp of its own; this one only saves starting it.
    inputs: () => ({
      code: hashFiles([
        paths.prepareEmoji,
        join(paths.root, "lib", "datasets"),
        join(paths.root, "lib", "io"),
      ]),
      lock: hashFiles([paths.lockFile]),
    }),
    outputs: () => [paths.emoji],
    async run(context) {
      await runLogged(context, {
        step,
        command: process.execPath,
        args: typescriptArguments(paths, "prepare-emoji", []),
        name: "vitrine",
        onLine: (line) => context.progress.detail(step.title, line.replace(/^.*?:\s*/, "")),
      });
      return {};
    },
  };
  return step;
}
