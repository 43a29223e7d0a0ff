/** For tests: a server on the loopback that behaves as the Hugging Face hub does, and a second one of another origin that has the large files. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface LocalFile {
  data: Uint8Array;
  /** Large files are redirected to the second server. */
  lfs: boolean;
}

/** How the servers misbehave. Counters go down with each use. */
export interface Mischief {
  /** Connections of the second server to cut after `cutAfter` bytes. */
  cuts: number;
  cutAfter: number;
  /** Whether the second server knows ranges. */
  ranges: boolean;
  /** Whether the second server changes a byte. */
  corrupt: boolean;
  /** Answers to give with this status before the true ones. */
  refusals: { status: number; count: number; headers?: Record<string, string> };
}

export interface Seen {
  server: "hub" | "store";
  path: string;
  authorization?: string;
  range?: string;
}

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export class LocalHub {
  readonly seen: Seen[] = [];
  readonly mischief: Mischief = {
    cuts: 0,
    cutAfter: 0,
    ranges: true,
    corrupt: false,
    refusals: { status: 200, count: 0 },
  };
  endpoint = "";
  private store = "";
  private readonly servers: Server[] = [];

  /** `models` by name, then by file. `gated` ones want the token "hf_good". */
  constructor(
    private readonly models: Record<string, Record<string, LocalFile>>,
    private readonly gated: readonly string[] = [],
  ) {}

  async start(): Promise<this> {
    this.endpoint = await this.listen((request, response) => this.answerHub(request, response));
    this.store = await this.listen((request, response) => this.answerStore(request, response));
    return this;
  }

  async stop(): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  private async listen(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<string> {
    const server = createServer(answer);
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  private note(server: Seen["server"], request: IncomingMessage): string {
    const { authorization, range } = request.headers;
    const path = decodeURIComponent(request.url ?? "");
    this.seen.push({ server, path, ...(authorization && { authorization }), ...(range && { range }) });
    return path;
  }

  private answerHub(request: IncomingMessage, response: ServerResponse): void {
    const path = this.note("hub", request);
    const { refusals } = this.mischief;
    if (refusals.count > 0) {
      refusals.count--;
      response.writeHead(refusals.status, refusals.headers).end("{}");
      return;
    }
    const [, id = "", action = "", revision = "", file = ""] =
      /^(?:\/api\/models)?\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/((?:refs\/pr\/\d+|[^/?]+))(?:\/([^?]+))?/.exec(
        path,
      ) ?? [];
    const refuse = (status: number, code: string) =>
      response.writeHead(status, { "x-error-code": code, "content-type": "application/json" }).end("{}");
    const files = this.models[id];
    if (!files) return void refuse(401, "RepoNotFound");
    if (this.gated.includes(id) && request.headers.authorization !== "Bearer hf_good")
      return void refuse(request.headers.authorization ? 403 : 401, "GatedRepo");
    if (!["main", "refs/pr/7", COMMIT].includes(revision)) return void refuse(404, "RevisionNotFound");
    const json = (value: unknown) =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (action === "revision") return void json({ _id: "1", id, sha: COMMIT, private: false, gated: false });
    if (action === "tree")
      return void json(
        Object.entries(files)
          .filter(([name]) => (file === "" ? !name.includes("/") : name.startsWith(`${file}/`)))
          .map(([name, entry]) => treeEntry(name, entry)),
      );
    const entry = files[file];
    if (!entry) return void refuse(404, "EntryNotFound");
    if (entry.lfs) response.writeHead(302, { location: `${this.store}/${id}/${file}?signature=1` }).end();
    else response.writeHead(200, { "content-length": entry.data.length }).end(entry.data);
  }

  private answerStore(request: IncomingMessage, response: ServerResponse): void {
    const path = this.note("store", request);
    const [, id, file] = /^\/([^/]+\/[^/]+)\/([^?]+)/.exec(path) ?? [];
    const { mischief } = this;
    const whole = Buffer.from(this.models[id as string][file as string].data);
    if (mischief.corrupt) whole[whole.length >> 1] ^= 1;
    const from = mischief.ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
    const data = whole.subarray(from);
    const range = { "content-range": `bytes ${from}-${whole.length - 1}/${whole.length}` };
    response.writeHead(from > 0 ? 206 : 200, { "content-length": data.length, ...(from > 0 && range) });
    if (mischief.cuts === 0) return void response.end(data);
    mischief.cuts--;
    response.write(data.subarray(0, mischief.cutAfter), () => setTimeout(() => response.destroy(), 20));
  }
}

function treeEntry(path: string, { data, lfs }: LocalFile) {
  const sha256 = createHash("sha256").update(data).digest("hex");
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${data.length}\n`;
  const oid = gitHash(lfs ? Buffer.from(pointer) : data);
  return {
    type: "file",
    path,
    size: data.length,
    oid,
    ...(lfs && { lfs: { oid: sha256, size: data.length, pointerSize: pointer.length } }),
  };
}

/** Git's number of a file. */
export function gitHash(data: Uint8Array): string {
  return createHash("sha1").update(`blob ${data.length}\0`).update(data).digest("hex");
}
