/** Sends what a cell prints to the session: process.stdout and process.stderr of this thread, and console.clear. */
import { StringDecoder } from "node:string_decoder";

export interface OutputSink {
  stream(name: "stdout" | "stderr", text: string): void;
  clear(wait: boolean): void;
}

/** From here on nothing that a cell prints reaches the terminal from which Jupyter was started. */
export function captureOutput(sink: OutputSink): void {
  for (const name of ["stdout", "stderr"] as const) {
    const decoder = new StringDecoder("utf8");
    const write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | ((error?: Error | null) => void),
      callback?: (error?: Error | null) => void,
    ): boolean => {
      sink.stream(name, typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk)));
      const done = typeof encoding === "function" ? encoding : callback;
      if (done) process.nextTick(done);
      return true;
    };
    process[name].write = write as typeof process.stdout.write;
  }
  console.clear = () => sink.clear(false);
}
