/** The server's thread: owns the sockets and the session, so that both answer while a cell keeps its own thread busy. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { startCompiler } from "../compiler";
import { DebugAdapter } from "../debugger";
import { isCooperative, OutputReceiver, type Parcel, type ToExecutor } from "../executor";
import { type ConnectionInfo, log, type Message, type RequestChannel, Sockets } from "../protocol";
import { History } from "./history";
import { HistoryFile } from "./history-file";
import { onParentGone } from "./parent";
import { Runner } from "./runner";
import { Session } from "./session";
import { onInterruptSignal } from "./signals";
import { UsageMeter } from "./usage";

interface ServerData {
  connection: ConnectionInfo;
  state: SharedArrayBuffer;
  output: SharedArrayBuffer;
  root: string;
  notebookDir: string;
  snapshot: string | undefined;
}

const { connection, state, output, root, notebookDir, snapshot } = workerData as ServerData;
const executor = parentPort as MessagePort;
const post = (message: ToExecutor) => executor.postMessage(message);
const compiler = startCompiler({ root, notebookDir, snapshot, onLost: log });
const sockets = new Sockets(connection.key, connection.signature_scheme);
const runner = new Runner({ post, state });

const history = new History({
  file: new HistoryFile({ folder: path.join(jupyterDataFolder(), "vitrine") }),
  onFailure: (error) =>
    log(`session: the history is not kept: ${error instanceof Error ? error.message : error}`),
});

const debugAdapter = new DebugAdapter({
  root,
  isCellCooperative: () => isCooperative(new Int32Array(state)),
  publish: (event) => session.receiveDebugEvent(event),
});

const session: Session = new Session({
  history,
  usage: new UsageMeter(),
  send: (channel, message) => sockets.send(channel, message),
  compiler,
  runner,
  answerInput: (id, value) => post({ type: "input", id, value }),
  deliver: post,
  debugger: debugAdapter,
  shutdown: () => void shutdown(),
  versions: {
    vitrine: versionOf(root),
    typescript: versionOf(path.join(root, "node_modules", "typescript")),
  },
});

async function shutdown(): Promise<void> {
  // After this turn the status and the reply are queued; a busy cell must not keep the process alive.
  await new Promise((resolve) => setTimeout(resolve, 20));
  debugAdapter.close();
  await sockets.close();
  post({ type: "exit" });
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 500);
}

/** Where Jupyter keeps a person's data, whichever clone the kernel belongs to; `npm start` sets a folder inside the clone. */
function jupyterDataFolder(): string {
  const { JUPYTER_DATA_DIR, XDG_DATA_HOME } = process.env;
  if (JUPYTER_DATA_DIR) return JUPYTER_DATA_DIR;
  if (process.platform === "darwin") return path.join(homedir(), "Library", "Jupyter");
  return path.join(XDG_DATA_HOME || path.join(homedir(), ".local", "share"), "jupyter");
}

function versionOf(packageFolder: string): string {
  return (JSON.parse(readFileSync(path.join(packageFolder, "package.json"), "utf8")) as { version: string })
    .version;
}

const receiver = new OutputReceiver({
  memory: output,
  receive: (message) => session.receiveOutput(message),
});
executor.on("message", (parcel: Parcel) => receiver.accept(parcel));
const handlers = {
  receive: (channel: RequestChannel, message: Message) => session.receive(channel, message),
  welcome: (topic: Buffer) => session.welcome(topic),
};
void sockets.open(connection, handlers).then(() => {
  session.start();
  onParentGone(() => void shutdown());
  onInterruptSignal(
    () => session.running,
    () => session.interrupt(),
  );
});
