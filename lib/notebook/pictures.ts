/** Static pictures on demand: the client of picture-process.ts, which is started at the first one and ends with us. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { SheetOptions } from "../io";
import type { PlotlyFigure } from "../plot";

/** Pixels in rows from the top, 8 bits a channel. */
export interface RawPicture {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1 grey, 3 RGB (default), 4 RGBA. */
  channels?: 1 | 3 | 4;
}

export interface FigureRequest {
  kind: "figure";
  figure: PlotlyFigure;
  /** Device pixels a pixel. */
  scale: number;
  format: "png" | "jpeg" | "svg";
  /** Whether the answer also carries the SVG text. */
  withSvg?: boolean;
}

export interface RawRequest {
  kind: "raw";
  picture: RawPicture;
  width: number;
  height: number;
}

export interface GridText {
  text: string;
  x: number;
  /** The baseline. */
  y: number;
  size: number;
  weight?: number;
  grey?: boolean;
  /** Grey text after it, on the same line. */
  note?: string;
}

export interface GridRequest {
  kind: "grid";
  width: number;
  height: number;
  scale: number;
  pictures: { picture: RawPicture; left: number; top: number; size: number }[];
  texts: GridText[];
}

/** Pictures of one size as small tiles of one WebP. */
export interface SheetRequest extends SheetOptions {
  kind: "sheet";
  /** RGB, one picture after another. */
  tiles: { data: Uint8Array; width: number; height: number };
}

export type PictureJob = SheetRequest | FigureRequest | RawRequest | GridRequest;
export type PictureRequest = PictureJob & { id: number };

export interface PictureAnswer {
  id: number;
  bytes?: Uint8Array;
  svg?: string;
  error?: string;
}

/** A picture process and who waits for it, by request. */
interface Worker {
  process: ChildProcess;
  waiting: Map<number, { resolve(answer: PictureAnswer): void; reject(error: Error): void }>;
}

/** How long one picture may take, start of the process included; usually 2 s, on a machine under heavy load a minute. */
const TIMEOUT_MS = 300_000;

let worker: Worker | undefined;
let nextId = 1;

/**
 * Makes one picture in the picture process and returns its bytes (PNG, for figures also JPEG) and SVG text, if asked for.
 * Throws when the job fails, when the process dies, or after 5 minutes.
 */
export async function makePicture(job: PictureJob): Promise<{ bytes: Buffer; svg?: string }> {
  worker ??= startProcess();
  const { process: child, waiting } = worker;
  const id = nextId++;
  child.ref();
  child.channel?.ref();
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<PictureAnswer>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      timer = setTimeout(() => {
        child.kill();
        reject(
          new Error(
            `makePicture: expected a ${job.kind} picture within 5 minutes, got none (run the cell again)`,
          ),
        );
      }, TIMEOUT_MS);
      child.send({ ...job, id }, (error) => error && reject(error));
    });
    if (answer.error !== undefined)
      throw new Error(`makePicture: the ${job.kind} picture failed: ${answer.error}`);
    if (!answer.bytes) throw new Error("internal: a picture answer without a picture");
    return { bytes: Buffer.from(answer.bytes), svg: answer.svg };
  } finally {
    clearTimeout(timer);
    waiting.delete(id);
    // An idle picture process must not keep a command-line program alive.
    if (waiting.size === 0) {
      child.unref();
      child.channel?.unref();
    }
  }
}

/** Ends the picture process, if one runs; the next picture starts a new one. */
export function stopPictures(): void {
  worker?.process.kill();
  worker = undefined;
}

function startProcess(): Worker {
  const folder = ownFolder();
  const script = join(folder, "picture-process.ts");
  const started = fork(script, [], {
    cwd: join(folder, "..", ".."),
    execArgv: ["--import", pathToFileURL(require.resolve("tsx", { paths: [folder] })).href],
    serialization: "advanced",
    // Its own group: an interrupt of the kernel (SIGINT to the group) must not end it.
    detached: true,
    env: { ...process.env, FONTCONFIG_FILE: join(folder, "fonts.conf"), NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const own: Worker = { process: started, waiting: new Map() };
  started.on("message", (answer: PictureAnswer) => own.waiting.get(answer.id)?.resolve(answer));
  started.on("exit", (code, signal) => {
    if (worker === own) worker = undefined;
    const error = new Error(
      `makePicture: the picture process ended (${signal ?? `code ${code}`}) (run the cell again)`,
    );
    for (const { reject } of own.waiting.values()) reject(error);
  });
  return own;
}

/** The folder of this file's source; a kernel may run a compiled copy elsewhere, then it is found from the working folder. */
function ownFolder(): string {
  const candidates = [__dirname];
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    candidates.push(join(folder, "lib", "notebook"));
    if (dirname(folder) === folder) break;
  }
  const found = candidates.find((folder) => existsSync(join(folder, "picture-process.ts")));
  if (!found)
    throw new Error(
      `makePicture: expected lib/notebook above ${process.cwd()}, found none (work inside the repository)`,
    );
  return found;
}
