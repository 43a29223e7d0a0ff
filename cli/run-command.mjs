/** Runs one command of cli/commands in a process of its own: run-command.mjs NAME [arguments]. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./setup/paths.mjs";

const [name, ...argv] = process.argv.slice(2);
const file = join(root, "cli", "commands", `${name}.ts`);
try {
  const module = await import(pathToFileURL(file).href);
  const run = module.run ?? module.default?.run;
  if (typeof run !== "function") throw new Error(`internal: ${name}.ts exports no run(argv)`);
  process.exitCode = await run(argv);
} catch (error) {
  // `where: expected X, got Y (do Z)` is for people; anything else is a defect and keeps its trace.
  const told = error instanceof Error && /^[\w./ -]+: expected /.test(error.message);
  console.error(told ? error.message : error);
  process.exitCode = 1;
}
