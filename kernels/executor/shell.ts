/** Shell commands of cells: `await sh("ls")`, and `!ls` through it. */
import { type ChildProcess, spawn } from "node:child_process";
import os from "node:os";
import type { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { displaySymbol } from "../display/bundle";
import { currentCell, runIn } from "./context";

/** See compiler/globals.ts, where cells find it declared. */
export class ShellResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;

  constructor({ stdout, stderr, code }: { stdout: string; stderr: string; code: number }) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.code = code;
  }

  get lines(): string[] {
    return this.stdout === "" ? [] : this.stdout.replace(/\r?\n$/, "").split(/\r?\n/);
  }

  /** As the last expression of a cell it looks as in a terminal; nothing, if all of it has been shown. */
  [displaySymbol](): Record<string, string> | undefined {
    const text = (this.stdout + this.stderr).trimEnd();
    return text === "" ? undefined : { "text/plain": text };
  }
}

export interface ShellOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  input?: string | Uint8Array;
  check?: boolean;
  show?: boolean;
}

/** A command that ended with another exit code than 0. */
export class ShellError extends Error {
  override name = "ShellError";
  readonly result: ShellResult;

  constructor(message: string, result: ShellResult) {
    super(message);
    this.result = result;
  }
}

export interface ShellSink {
  /** What a command prints while it runs. */
  print(name: "stdout" | "stderr", text: string): void;
}

/**
 * The command becomes the leader of a process group of its own. Beside it waits a second shell, which ends the group if the kernel is
 * gone (file 3 then ends), however the kernel ended; a line on file 3 sends it home.
 */
const script = `( read -r _ <&3 || { kill -TERM -$$; sleep 2; kill -KILL -$$; } ) </dev/null >/dev/null 2>&1 &
exec 3<&-
exec sh -c "$1"`;

/** A command that does not end by SIGINT gets SIGTERM after so many ms, and SIGKILL after as many again. */
const patienceMs = 1_500;
/** After the end of a command that leaves another one in the background: so many ms for the rest of its own output. */
const drainMs = 100;
/** More characters of output than these are not gathered. */
const maxGathered = 2 ** 28;

export class Shell {
  readonly #sink: ShellSink;
  /** Commands of the running cell: an interrupt ends them. */
  #ofCell = new Set<ChildProcess>();

  constructor(sink: ShellSink) {
    this.#sink = sink;
  }

  /** A cell starts: commands that an earlier one left running are its own no more. */
  begin(): void {
    this.#ofCell = new Set();
  }

  interrupt(): void {
    for (const child of this.#ofCell) {
      signalGroup(child, "SIGINT");
      const isGone = () => child.exitCode !== null || child.signalCode !== null;
      setTimeout(() => isGone() || signalGroup(child, "SIGTERM"), patienceMs).unref();
      setTimeout(() => isGone() || signalGroup(child, "SIGKILL"), 2 * patienceMs).unref();
    }
  }

  /**
   * Its listeners are no part of the cell: they must hear of the command's end also when the cell is over.
   * @throws ShellError, see `ShellOptions.check`; TypeError if the command is no text.
   */
  run(command: string, options: ShellOptions = {}): Promise<ShellResult> {
    const cell = currentCell();
    const print: ShellSink["print"] = (name, text) => runIn(cell, () => this.#sink.print(name, text));
    return runIn(undefined, () => this.#run(command, options, print));
  }

  async #run(command: string, options: ShellOptions, print: ShellSink["print"]): Promise<ShellResult> {
    const { cwd, env, input, check = true, show = false } = options;
    if (typeof command !== "string" || command.includes("\0"))
      throw new TypeError(
        `sh: expected a command as text, got ${typeof command === "string" ? "a zero byte" : typeof command}`,
      );
    const child = spawn("/bin/sh", ["-c", script, "sh", command], {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe", "pipe"],
      detached: true,
    });
    const ofCell = this.#ofCell;
    ofCell.add(child);
    const [stdout, stderr] = [gather(child, "stdout", show && print), gather(child, "stderr", show && print)];
    if (input !== undefined) write(child.stdin as Writable, input);
    try {
      const code = await exitCode(child);
      const result = new ShellResult({ stdout: stdout.text(), stderr: stderr.text(), code });
      if (code !== 0 && check) throw new ShellError(describeFailure(command, result, show), result);
      return result;
    } finally {
      ofCell.delete(child);
    }
  }
}

/** Collects what comes out of one end of the command, or prints it. */
function gather(
  child: ChildProcess,
  name: "stdout" | "stderr",
  print: ShellSink["print"] | false,
): { text(): string } {
  const decoder = new StringDecoder("utf8");
  const parts: string[] = [];
  let length = 0;
  child[name]?.on("data", (chunk: Buffer) => {
    const text = decoder.write(chunk);
    if (print) {
      print(name, text);
      return;
    }
    length += text.length;
    if (length <= maxGathered) parts.push(text);
  });
  const text = () => {
    if (length > maxGathered)
      throw new RangeError(
        `sh: expected at most ${maxGathered} characters of output, got ${length} (do: send it to a file)`,
      );
    return parts.join("") + decoder.end();
  };
  return { text };
}

/** Waits for the command and its output; not for what it left in the background, whose output still appears. */
function exitCode(child: ChildProcess): Promise<number> {
  const lifeline = child.stdio[3] as Writable;
  lifeline.on("error", () => {}); // The group is gone, and its guard with it.
  const printed = [child.stdout, child.stderr].map(
    (end) => new Promise((resolve) => end?.on("close", resolve)),
  );
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      reject(
        new Error(
          `sh: expected to start /bin/sh, got: ${error.message} (do: check the folder and the shell)`,
        ),
      );
    });
    child.on("exit", (code, signal) => {
      const finish = () => resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0));
      setTimeout(finish, drainMs);
      // Nobody can print any more: the guard may go.
      void Promise.all(printed).then(() => {
        lifeline.end("\n");
        finish();
      });
    });
  });
}

/** A command may end before it has read all. */
function write(stdin: Writable, input: string | Uint8Array): void {
  stdin.on("error", () => {});
  stdin.end(input);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

function describeFailure(command: string, { code, stderr }: ShellResult, show: boolean): string {
  const line = command.trim().split("\n")[0];
  const short = line.length > 80 ? `${line.slice(0, 79)}…` : line;
  const last = show ? "" : stderr.trim().slice(-2_000);
  return `sh: expected exit code 0 from \`${short}\`, got ${code}${last === "" ? "" : `\n${last}`}`;
}
