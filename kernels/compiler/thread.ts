/** The compiler's own thread: answers the session's requests one after another, so that cells and their output never wait for it. */
import { type MessagePort, workerData } from "node:worker_threads";
import { Compiler } from "./compiler";

const { port, root, notebookDir } = workerData as { port: MessagePort; root: string; notebookDir: string };

/** Made at the first use, so that a broken tsconfig.json is reported in the cell that needs it. */
let compiler: Compiler | undefined;

function answer(method: string, args: unknown[]): unknown {
  compiler ??= new Compiler({ root, notebookDir });
  const call = compiler[method as keyof Compiler] as (...values: unknown[]) => unknown;
  return call.apply(compiler, args);
}

port.on("message", ({ id, method, args }: { id: number; method: string; args: unknown[] }) => {
  try {
    port.postMessage({ id, value: answer(method, args) });
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
answer("warmUp", []);
