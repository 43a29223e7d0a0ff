/** Starts the compiler's process and stands for it: method calls as numbered messages. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { preparedCompiler } from "./build";
import type { CompilerClient } from "./contract";

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

export interface CompilerProcessOptions {
  /** The clone. */
  root: string;
  notebookDir: string;
  /** The process ended although nobody asked it to. */
  onLost(reason: string): void;
}

export function startCompiler({ root, notebookDir, onLost }: CompilerProcessOptions): CompilerClient {
  const snapshot = preparedCompiler(root);
  const start = snapshot ? ["--snapshot-blob", snapshot] : [path.join(root, "kernels", "compiler-main.js")];
  const child = spawn(process.execPath, [...start, root, notebookDir], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "json",
  });
  child.on("error", (error) => onLost(error.message));
  child.on("exit", (code, signal) => onLost(`it ended with ${signal ?? code}`));
  return connect(child);
}

function connect(child: ChildProcess): CompilerClient {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  child.on("message", ({ id, value, error }: { id: number; value: never; error?: string }) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  });
  const call = <T>(method: string, ...args: unknown[]) =>
    new Promise<T>((resolve, reject) => {
      lastId += 1;
      pending.set(lastId, { resolve, reject });
      child.send({ id: lastId, method, args });
    });
  return {
    compile: (source) => call("compile", source),
    commit: (id, liveNames) => call("commit", id, liveNames),
    complete: (source, offset) => call("complete", source, offset),
    inspect: (source, offset) => call("inspect", source, offset),
    isComplete: (source) => call("isComplete", source),
  };
}
