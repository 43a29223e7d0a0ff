/** How a TypeScript file of the project is run: by this Node, through tsx. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Node's arguments that make it read TypeScript. */
export function typescriptLoader(paths) {
  const tsx = join(paths.nodeModules, "tsx");
  const entry = JSON.parse(readFileSync(join(tsx, "package.json"), "utf8")).exports["."];
  return ["--import", pathToFileURL(join(tsx, typeof entry === "string" ? entry : entry.import)).href];
}

/** Node's arguments to run `cli/commands/NAME.ts` with `argv`. */
export function typescriptArguments(paths, name, argv) {
  return [...typescriptLoader(paths), join(paths.root, "cli", "run-command.mjs"), name, ...argv];
}
