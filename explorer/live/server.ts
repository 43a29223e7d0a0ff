/** Serves a built page on this machine alone: loopback, a random token in every address, files of one folder, and what is asked under api/. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";
import { LIVE_MARK } from "../format/live-format";

/** The only kinds of file that a page holds. */
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".webp": "image/webp",
};
/** A browser opens six at once; a page has no use for more. */
const CONNECTIONS = 64;
/** A request must be there whole after so many ms. */
const PATIENCE = 60_000;

export interface PageServer {
  /** Address of the page, token included. */
  url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** Default 0: any that is free. */
  port?: number;
  /** Who answers under api/, asked one after the other until one does; without any the page computes nothing. */
  api?: readonly Api[];
  /** Whether a page of another port of this machine, as JupyterLab's, may show this one in a frame. Default false. */
  framed?: boolean;
}

/** Answers a request with an object that becomes JSON, or undefined for one that is not its own. Throws a Refusal, or `where: expected X, got Y`. */
export type Api = (request: ApiRequest) => Promise<object> | undefined;

export interface ApiRequest {
  method: string;
  /** What follows api/. */
  path: string;
  query: URLSearchParams;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** Reads the body; throws a Refusal when it is longer than `limit` bytes. */
  body(limit: number): Promise<Buffer>;
}

/** An answer other than 200. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Serves `folder` until closed. Throws when the port is taken. */
export async function servePage(folder: string, options: ServeOptions = {}): Promise<PageServer> {
  const { port = 0, api = [], framed = false } = options;
  const root = await realpath(folder);
  const token = randomBytes(24).toString("base64url");
  const frame: Record<string, string> = framed
    ? { "content-security-policy": "frame-ancestors http://127.0.0.1:* http://localhost:*" }
    : { "x-frame-options": "SAMEORIGIN" };
  const server = createServer((request, response) => {
    const end = (status: number, body: string | Buffer, type = "text/plain; charset=utf-8") => {
      if (response.destroyed) return;
      response.writeHead(status, {
        "content-type": type,
        "content-length": Buffer.byteLength(body),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        ...frame,
      });
      response.end(request.method === "HEAD" ? undefined : body);
      // What is left of a body that was refused is read and dropped: closing at once would hide the answer.
      request.resume();
    };
    const { host = "", origin } = request.headers;
    // A name that resolves to loopback is another site's: only the address itself is answered.
    if (!/^(127\.0\.0\.1|localhost):\d+$/.test(host)) return end(421, "another host\n");
    const [, given, path, query] = /^\/([^/?]*)\/?([^?]*)\??(.*)/.exec(request.url ?? "") ?? ["", "", "", ""];
    if (!sameText(given, token))
      return end(403, "expected the address that explore printed, token included\n");
    if (path.startsWith("api/") && api.length > 0) {
      if (origin !== undefined && origin !== `http://${host}`) return end(403, "another site\n");
      answer(api, apiRequest(request, response, path.slice(4), query)).then(([status, record]) =>
        end(status, JSON.stringify(record), "application/json"),
      );
      return;
    }
    if (request.method !== "GET" && request.method !== "HEAD") return end(405, "GET or HEAD only\n");
    fileIn(root, path === "" ? "index.html" : path).then(
      (file) => {
        if (!file) return end(404, "no such file\n");
        const isStart = path === "" || path === "index.html";
        end(200, isStart && api.length > 0 ? marked(file.bytes) : file.bytes, file.type);
      },
      () => end(500, "the file could not be read\n"),
    );
  });
  server.maxConnections = CONNECTIONS;
  server.requestTimeout = PATIENCE;
  await listen(server, port);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${token}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The start page with the mark by which it knows that there is a server to ask. */
function marked(page: Buffer): string {
  return page.toString("utf8").replace("<head>", `<head><meta name="${LIVE_MARK}" content="yes">`);
}

async function answer(api: readonly Api[], request: ApiRequest): Promise<[number, object]> {
  try {
    for (const one of api) {
      const found = one(request);
      if (found) return [200, await found];
    }
    throw new Refusal(404, `api: expected a request of this page, got ${request.method} ${request.path}`);
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    if (error instanceof Refusal) return [error.status, { error: message }];
    if (/^[\w ]+: expected /.test(message)) return [422, { error: message }];
    if (request.signal.aborted) return [499, { error: "api: expected somebody to answer, got none" }];
    console.error(stack);
    return [500, { error: "api: expected an answer, got a defect (do: look at the server's output)" }];
  }
}

function apiRequest(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: string,
): ApiRequest {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new Error("nobody waits for the answer"));
  });
  return {
    method: request.method ?? "GET",
    path,
    query: new URLSearchParams(query),
    signal: gone.signal,
    async body(limit) {
      const refusal = () => new Refusal(413, `${path}: expected at most ${limit} bytes, got more`);
      if (Number(request.headers["content-length"] ?? 0) > limit) throw refusal();
      const parts: Buffer[] = [];
      let size = 0;
      for await (const part of request.iterator({ destroyOnReturn: false })) {
        parts.push(part as Buffer);
        size += (part as Buffer).length;
        if (size > limit) throw refusal();
      }
      return Buffer.concat(parts);
    },
  };
}

/** A file of the page; undefined for what is not there, of another kind, or outside `root` (links resolved). */
async function fileIn(root: string, path: string): Promise<{ bytes: Buffer; type: string } | undefined> {
  const type = TYPES[extname(path)];
  if (!type) return undefined;
  try {
    const real = await realpath(join(root, decodeURIComponent(path)));
    if (!real.startsWith(root + sep)) return undefined;
    return { bytes: await readFile(real), type };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isNone =
      error instanceof URIError || /^(ENOENT|ENOTDIR|EISDIR|ERR_INVALID_ARG_VALUE)$/.test(code ?? "");
    if (isNone) return undefined;
    throw error;
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new Error(`explore: expected a free port, got ${port} (do: leave --port out)`)
          : error,
      ),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
}
