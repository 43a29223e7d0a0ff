/** Serves a built page on this machine alone: loopback, a random token in every address, files of one folder. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";

/** The only kinds of file that a page holds. */
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".webp": "image/webp",
};

export interface PageServer {
  /** Address of the page, token included. */
  url: string;
  close(): Promise<void>;
}

/** Serves `folder` until closed. `port` 0 takes any that is free. Throws when the port is taken. */
export async function servePage(folder: string, { port = 0 }: { port?: number } = {}): Promise<PageServer> {
  const root = await realpath(folder);
  const token = randomBytes(24).toString("base64url");
  const server = createServer((request, response) => {
    const end = (status: number, body: string | Buffer, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, {
        "content-type": type,
        "content-length": Buffer.byteLength(body),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
      });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    // A name that resolves to loopback is another site's: only the address itself is answered.
    if (!/^(127\.0\.0\.1|localhost):\d+$/.test(request.headers.host ?? "")) return end(421, "another host\n");
    if (request.method !== "GET" && request.method !== "HEAD") return end(405, "GET or HEAD only\n");
    const [, given, path] = /^\/([^/?]*)\/?([^?]*)/.exec(request.url ?? "") ?? ["", "", ""];
    if (!sameText(given, token))
      return end(403, "expected the address that explore printed, token included\n");
    fileIn(root, path === "" ? "index.html" : path).then(
      (file) => (file ? end(200, file.bytes, file.type) : end(404, "no such file\n")),
      () => end(500, "the file could not be read\n"),
    );
  });
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
