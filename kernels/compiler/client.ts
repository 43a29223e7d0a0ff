/** The compiler seen from another thread: method calls as numbered messages over a port. */
import type { MessagePort } from "node:worker_threads";
import type { CompilerClient } from "./contract";

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

export function connectCompiler(port: MessagePort): CompilerClient {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  port.on("message", ({ id, value, error }: { id: number; value: never; error?: string }) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  });
  const call = <T>(method: string, ...args: unknown[]) =>
    new Promise<T>((resolve, reject) => {
      lastId += 1;
      pending.set(lastId, { resolve, reject });
      port.postMessage({ id: lastId, method, args });
    });
  return {
    compile: (source) => call("compile", source),
    commit: (id, liveNames) => call("commit", id, liveNames),
    complete: (source, offset) => call("complete", source, offset),
    inspect: (source, offset) => call("inspect", source, offset),
    isComplete: (source) => call("isComplete", source),
  };
}
