/** Sends what a cell prints to the session: process.stdout, process.stderr and console of this thread. */
import { Console } from "node:console";
import { StringDecoder } from "node:string_decoder";
import { isHighSurrogate } from "./output-pipe";

export interface OutputSink {
  stream(name: "stdout" | "stderr", text: string): void;
  clear(wait: boolean): void;
}

type Done = (error?: Error | null) => void;

export interface CapturedConsole {
  /** Ends the groups that are open: an earlier cell may have failed inside one. */
  endGroups(): void;
}

/** From here on nothing that a cell prints reaches the terminal from which Jupyter was started. */
export function captureOutput(sink: OutputSink): CapturedConsole {
  for (const name of ["stdout", "stderr"] as const) {
    const join = joinCharacters();
    const write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | Done,
      callback?: Done,
    ): boolean => {
      const text = join(chunk, typeof encoding === "string" ? encoding : "utf8");
      if (text !== "") sink.stream(name, text);
      const done = typeof encoding === "function" ? encoding : callback;
      if (done) process.nextTick(done);
      return true;
    };
    process[name].write = write as typeof process.stdout.write;
  }
  // The console of Node waits for an error of each write, in a callback each: a million prints of a loop would be a million of them.
  const { stdout, stderr } = process;
  const own = new Console({ stdout, stderr, ignoreErrors: false });
  const methods = Object.entries(own).filter(([, value]) => typeof value === "function");
  Object.assign(console, Object.fromEntries(methods));
  console.clear = () => sink.clear(false);
  let groups = 0;
  console.group = (...label: unknown[]) => {
    groups += 1;
    own.group(...label);
  };
  console.groupCollapsed = console.group;
  console.groupEnd = () => {
    groups = Math.max(0, groups - 1);
    own.groupEnd();
  };
  const endGroups = () => {
    while (groups > 0) console.groupEnd();
  };
  return { endGroups };
}

/** Puts characters together that were written in two pieces, be it of bytes or of UTF-16 units. */
export function joinCharacters(): (chunk: string | Uint8Array, encoding: BufferEncoding) => string {
  const decoder = new StringDecoder("utf8");
  let held = "";
  return (chunk, encoding) => {
    const isText = typeof chunk === "string" && /^utf-?8$/i.test(encoding);
    let text = isText
      ? chunk
      : decoder.write(typeof chunk === "string" ? Buffer.from(chunk, encoding) : Buffer.from(chunk));
    if (held !== "") [text, held] = [held + text, ""];
    if (isHighSurrogate(text.charCodeAt(text.length - 1))) {
      [text, held] = [text.slice(0, -1), text.slice(-1)];
    }
    return text;
  };
}
