/** Threads that decode pictures, one a core, started when the first picture is asked for and shared by all data sets. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { PictureGeometry, RgbPicture } from "../io";

/** Where a picture's file is: a file, a part of one, or its bytes. */
export type PictureSource = { path: string; offset?: number; length?: number } | { bytes: Uint8Array };

export interface DecodeRequest {
  job: number;
  /** For errors. */
  name: string;
  source: PictureSource;
  /** What it is fitted to; without it the picture comes as it is. */
  geometry?: PictureGeometry;
}

export type DecodeAnswer = { job: number; picture: RgbPicture } | { job: number; error: string };

interface Waiting {
  resolve: (picture: RgbPicture) => void;
  reject: (error: Error) => void;
}

/** Pictures of one thread that may be on their way at once: one is decoded, one is ready to be. */
const AT_ONCE = 2;
const MOST_THREADS = 8;

/** A thread takes no loader from Node's arguments before Node 22, so that it makes itself read TypeScript. */
const START = `const { workerData } = require("node:worker_threads");
require(workerData.tsx).register();
require(workerData.file);`;

class DecodePool {
  private readonly threads: { worker: Worker; jobs: Map<number, Waiting> }[] = [];
  private readonly queue: { request: DecodeRequest; waiting: Waiting }[] = [];
  private next = 0;

  decode(request: Omit<DecodeRequest, "job">): Promise<RgbPicture> {
    return new Promise((resolve, reject) => {
      this.queue.push({ request: { ...request, job: this.next++ }, waiting: { resolve, reject } });
      this.serve();
    });
  }

  private serve(): void {
    while (this.queue.length > 0) {
      const wanted = Math.min(MOST_THREADS, availableParallelism());
      const least = this.threads.reduce<(typeof this.threads)[number] | undefined>(
        (a, b) => (a && a.jobs.size <= b.jobs.size ? a : b),
        undefined,
      );
      let thread = least;
      if (!thread || (thread.jobs.size > 0 && this.threads.length < wanted)) thread = this.start();
      if (thread.jobs.size >= AT_ONCE) return;
      const { request, waiting } = this.queue.shift() as (typeof this.queue)[number];
      thread.jobs.set(request.job, waiting);
      thread.worker.ref(); // a process must not end while a picture is waited for
      thread.worker.postMessage(request);
    }
  }

  private start() {
    const worker = new Worker(START, {
      eval: true,
      execArgv: [],
      workerData: {
        tsx: require.resolve("tsx/cjs/api", { paths: [__dirname] }),
        file: join(__dirname, "decode-worker.ts"),
      },
    });
    const thread = { worker, jobs: new Map<number, Waiting>() };
    worker.on("message", (answer: DecodeAnswer) => {
      const waiting = thread.jobs.get(answer.job);
      thread.jobs.delete(answer.job);
      if (thread.jobs.size === 0) worker.unref();
      this.serve();
      if ("picture" in answer) waiting?.resolve(answer.picture);
      else waiting?.reject(new Error(answer.error));
    });
    worker.on("error", (error) => this.lose(thread, error));
    worker.on("exit", (code) =>
      this.lose(thread, new Error(`internal: a decoding thread ended with code ${code}`)),
    );
    this.threads.push(thread);
    return thread;
  }

  private lose(thread: (typeof this.threads)[number], error: Error): void {
    const at = this.threads.indexOf(thread);
    if (at >= 0) this.threads.splice(at, 1);
    for (const { reject } of thread.jobs.values()) reject(error);
    thread.jobs.clear();
    // With none left a new one would probably end the same way.
    if (this.threads.length === 0) for (const { waiting } of this.queue.splice(0)) waiting.reject(error);
  }
}

let pool: DecodePool | undefined;

/** Decodes a picture in one of the threads. Throws, naming the picture, when it cannot be read. */
export function decodeInPool(request: Omit<DecodeRequest, "job">): Promise<RgbPicture> {
  pool ??= new DecodePool();
  return pool.decode(request);
}
