#!/usr/bin/env node
/** The command line's entry: plain JavaScript without packages, because it has to run on a fresh clone. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupFailure } from "./setup/failure.mjs";
import { pathsUnder, root } from "./setup/paths.mjs";
import { nodeProblem } from "./setup/prerequisites.mjs";

const paths = pathsUnder(root);
const commandsFolder = join(root, "cli", "commands");

/** The commands that work before any package is installed. */
const builtIn = {
  start: ["set up what is missing, then open JupyterLab (--no-browser, --port N, --headless)", "./start.mjs"],
  run: ["execute a notebook with other parameters (NOTEBOOK -p NAME=VALUE)", "./run-notebook.mjs"],
  share: [
    "make an executed notebook, or features of an explorer page (--features 1,2,3), one HTML file that works offline",
    "./share.mjs",
  ],
  test: ["set up what is missing, then run the tests (of the named paths only)", "./test.mjs"],
  setup: ["set up what is missing", "./setup-command.mjs"],
  doctor: ["say what was found on this machine and in this clone", "./doctor.mjs"],
  bench: ["run a benchmark (without a name: list them)", "./bench.mjs"],
};

async function main([name = "help", ...argv]) {
  const problem = nodeProblem();
  if (problem) throw new SetupFailure(problem);
  if (["help", "--help", "-h"].includes(name)) return help();
  if (Object.hasOwn(builtIn, name)) {
    const command = await import(builtIn[name][1]);
    return command.run(argv, paths);
  }
  if (/^[a-z][a-z0-9-]*$/.test(name) && existsSync(join(commandsFolder, `${name}.ts`))) {
    return runTypeScript(name, argv);
  }
  throw new UsageError(`vitrine: expected a command, got "${name}" (do: npx vitrine help)`);
}

class UsageError extends Error {}

async function runTypeScript(name, argv) {
  const { setUp } = await import("./setup/setup.mjs");
  const { typescriptArguments } = await import("./typescript.mjs");
  await setUp({ paths });
  const { runInForeground } = await import("./foreground.mjs");
  return runInForeground(process.execPath, typescriptArguments(paths, name, argv));
}

function help() {
  const lines = Object.entries(builtIn).map(([name, [summary]]) => [name, summary]);
  for (const file of existsSync(commandsFolder) ? readdirSync(commandsFolder).sort() : []) {
    if (!file.endsWith(".ts") || /\.(test|bench|d)\.ts$/.test(file)) continue;
    const comment =
      /\/\*\*\s*([\s\S]*?)\s*\*\//.exec(readFileSync(join(commandsFolder, file), "utf8"))?.[1] ?? "";
    const sentence = comment.replaceAll(/\s*\n\s*\*?\s*/g, " ").split(/(?<=\.)\s|@/)[0];
    lines.push([file.slice(0, -3), sentence.replace(/^`?npx vitrine [a-z-]+`?: */, "").replace(/\.$/, "")]);
  }
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  console.log("vitrine: TypeScript notebooks for looking inside CLIP with sparse autoencoders\n");
  for (const [name, summary] of lines) console.log(`  ${name.padEnd(width)}${summary}`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) process.exitCode = 2;
  else process.exitCode = /^set-up: stopped by/.test(error?.message) ? 130 : 1;
  const told = error instanceof UsageError || error instanceof SetupFailure;
  console.error(told ? error.message : error);
}
