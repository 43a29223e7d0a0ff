/**
 * The compiler's own process, so that cells and their output never wait for it: `… ROOT NOTEBOOK_DIR`, requests over IPC, answered
 * one after another. Run by `--build-snapshot` (see build.ts) it stops when all types are loaded; from that snapshot it is ready
 * in a fraction of a second.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import v8 from "node:v8";
import { Compiler } from "./compiler";
import { IdleMemory } from "./idle-memory";
import { Practice } from "./practice";

/** Made at the first use, so that a broken tsconfig.json is reported in the cell that needs it. */
let compiler: Compiler | undefined;

function answer(method: string, args: unknown[]): unknown {
  const [root, notebookDir] = process.argv.slice(-2);
  compiler ??= new Compiler({ root, notebookDir });
  const call = compiler[method as keyof Compiler] as (...values: unknown[]) => unknown;
  return call.apply(compiler, args);
}

function listen(): void {
  const memory = new IdleMemory();
  const practice = new Practice((text) => answer("practise", [text]));
  process.on("message", ({ id, method, args }: { id: number; method: string; args: unknown[] }) => {
    let answered: { id: number; value?: unknown; error?: string };
    try {
      answered = { id, value: answer(method, args) };
    } catch (error) {
      answered = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(answered);
    memory.touch();
    practice.touch();
  });
  process.on("disconnect", () => process.exit());
  process.on("SIGINT", () => {}); // Meant for the cell; it reaches the whole process group.
}

/** All of lib, as cells import it. */
function libraryModules(root: string): string[] {
  const folders = readdirSync(path.join(root, "lib"), { withFileTypes: true });
  return folders.filter((entry) => entry.isDirectory()).map(({ name }) => `../lib/${name}`);
}

if (v8.startupSnapshot.isBuildingSnapshot()) {
  // What was compiled stays compiled: a collection throws the bytecode of functions away that were not called for some time, which would leave it to chance what is in.
  v8.setFlagsFromString("--no-flush-bytecode");
  answer("warmUp", [libraryModules(process.argv.slice(-2)[0])]);
  v8.setFlagsFromString("--flush-bytecode"); // as in the process that will read it
  v8.startupSnapshot.setDeserializeMainFunction(() => {
    listen();
    answer("moveTo", [process.argv.at(-1)]);
  });
} else {
  listen();
  answer("warmUp", []);
}
