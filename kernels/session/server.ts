/** The server's thread: owns the sockets and the session, so that both answer while a cell keeps its own thread busy. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { startCompiler } from "../compiler";
import type { FromExecutor, ToExecutor } from "../executor";
import { type ConnectionInfo, type Message, type RequestChannel, Sockets } from "../protocol";
import { Runner } from "./runner";
import { Session } from "./session";

interface ServerData {
  connection: ConnectionInfo;
  state: SharedArrayBuffer;
  root: string;
  notebookDir: string;
}

const { connection, state, root, notebookDir } = workerData as ServerData;

const executor = parentPort as MessagePort;
const post = (message: ToExecutor) => executor.postMessage(message);
const compiler = startCompiler({
  root,
  notebookDir,
  onLost: (reason) => {
    console.error(
      `kernel: expected the compiler's process to go on, got: ${reason} (do: restart the kernel)`,
    );
    process.kill(process.pid, "SIGKILL");
  },
});
const sockets = new Sockets(connection.key, connection.signature_scheme);
const runner = new Runner({ post, state });

const session = new Session({
  send: (channel, message) => sockets.send(channel, message),
  compiler,
  runner,
  answerInput: (id, value) => post({ type: "input", id, value }),
  shutdown: () => void shutdown(),
  typescriptVersion: readTypescriptVersion(),
});

async function shutdown(): Promise<void> {
  // After this turn the status and the reply are queued; a busy cell must not keep the process alive.
  await new Promise((resolve) => setTimeout(resolve, 20));
  await sockets.close();
  post({ type: "exit" });
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 500);
}

/** A kernel whose Jupyter died without a word ends too. */
function watchParent(): void {
  if (!process.env.JPY_PARENT_PID) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) void shutdown();
  }, 1_000).unref();
}

function readTypescriptVersion(): string {
  const file = path.join(root, "node_modules", "typescript", "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

executor.on("message", (message: FromExecutor) => session.receiveOutput(message));
const handlers = {
  receive: (channel: RequestChannel, message: Message) => session.receive(channel, message),
  welcome: (topic: Buffer) => session.welcome(topic),
};
void sockets.open(connection, handlers).then(() => {
  session.start();
  watchParent();
});
