/** A model of the Hugging Face hub as a folder on disk: found in the cache, or fetched into it. */
import { existsSync } from "node:fs";
import { fetchBlob } from "./blob";
import { CachedRepo } from "./cache";
import { HubError, type HubRequest, hubRequest } from "./request";
import { type HubSettings, hubSettings } from "./settings";

export interface PullProgress {
  /** Name of the file that comes now. */
  file: string;
  /** Bytes of all wanted files that are there, and of all that there will be. */
  done: number;
  total: number;
  /** Bytes a second since the start, without what was there before; 0 at first. */
  rate: number;
  /** Seconds that are left at that rate; null while nothing has come. */
  eta: number | null;
}

export interface PullOptions {
  /** Branch, tag, commit or `refs/pr/N`. Default "main". */
  revision?: string;
  /** Looks at the files of this folder of the repository only, their names with it. Default: those at its top. */
  folder?: string;
  /** Default: what the environment says. */
  settings?: HubSettings;
  onProgress?: (progress: PullProgress) => void;
  signal?: AbortSignal;
  /** First pause between tries, milliseconds. Default 500. */
  pause?: number;
  /** Longest silence of the server, milliseconds. Default 30,000. */
  patience?: number;
}

/** Of a repository's files those that are wanted. Throws, with the reason, when they do not make a model. */
export type FileChoice = (files: readonly string[]) => string[];

const ID = /^[\w][\w.-]*\/[\w.-]+$/;

/** Whether a text may be a model's name on the hub: `org/name`. */
export function isHubId(text: string): boolean {
  return ID.test(text);
}

/** The folder of a revision in the cache when all that `choose` wants is there, else undefined. Asks no network. */
export function findCached(
  id: string,
  choose: FileChoice,
  { revision = "main", folder = "", settings = hubSettings() }: PullOptions = {},
): string | undefined {
  const repo = new CachedRepo(settings.cache, id);
  const commit = repo.commit(revision);
  if (!commit) return undefined;
  try {
    choose(repo.files(commit, folder));
  } catch {
    return undefined; // Python may have fetched a part, as the tokenizer alone
  }
  return repo.snapshot(commit);
}

/**
 * Fetches what `choose` wants of a revision into the cache, and returns the snapshot's folder. Files that are there are not fetched again;
 * an interrupted file goes on where it stopped. Throws one error that says what to do when that cannot be.
 */
export async function pullFromHub(
  id: string,
  choose: FileChoice,
  options: PullOptions = {},
): Promise<string> {
  const {
    revision = "main",
    folder,
    settings = hubSettings(),
    onProgress = () => {},
    signal,
    pause,
    patience,
  } = options;
  if (!isHubId(id)) throw new Error(`pull: expected a model as org/name, got "${id}"`);
  if (settings.offline) {
    throw new HubError(
      `${id}: expected the network, got HF_HUB_OFFLINE (do: unset it, or copy the model into ${settings.cache})`,
    );
  }
  const request: HubRequest = { settings, id, revision, signal, pause };
  const { commit, files } = await listRepository(request, folder);
  const wanted = choose(files.map(({ path }) => path));
  const repo = new CachedRepo(settings.cache, id);
  const total = sum(files.filter(({ path }) => wanted.includes(path)).map(({ size }) => size));
  const began = performance.now();
  let [done, came] = [0, 0];
  const report = (file: string) => {
    const seconds = (performance.now() - began) / 1000;
    const rate = came > 0 && seconds > 0 ? came / seconds : 0;
    onProgress({ file, done, total, rate, eta: rate > 0 ? (total - done) / rate : null });
  };
  for (const { path, size, oid, sha256 } of files) {
    if (!wanted.includes(path)) continue;
    const etag = sha256 ?? oid;
    if (!existsSync(repo.blob(etag))) {
      let first = true;
      await fetchBlob(repo.blob(etag), {
        ...request,
        address: `${settings.endpoint}/${id}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`,
        file: path,
        size,
        checksum: sha256 ? { sha256 } : { git: oid },
        patience,
        onBytes: (count) => {
          done += count;
          if (!first) came += Math.max(0, count); // the first call tells what an earlier run left
          first = false;
          report(path);
        },
      });
    } else {
      done += size;
      report(path);
    }
    if (!repo.has(commit, path)) await repo.link(commit, path, etag);
  }
  await repo.writeRef(revision, commit);
  return repo.snapshot(commit);
}

interface RepositoryFile {
  path: string;
  size: number;
  /** Git's number of the file as stored in git: for large files that of their pointer. */
  oid: string;
  /** Of the contents of a large file. */
  sha256?: string;
}

/** The commit of a revision and the files at its top, or in a folder. */
async function listRepository(
  request: HubRequest,
  folder: string | undefined,
): Promise<{ commit: string; files: RepositoryFile[] }> {
  // Loaded here alone: it is large, and nothing but a download needs it.
  const { listFiles, modelInfo } = await import("@huggingface/hub");
  const { settings, id, revision } = request;
  // The library would check the token's form and send it along redirects; hubRequest knows where it may go.
  const fetchOwn = ((address: string | URL | Request) =>
    hubRequest(String(address), request)) as typeof fetch;
  const shared = { hubUrl: settings.endpoint, fetch: fetchOwn };
  const info = await modelInfo({ name: id, revision, additionalFields: ["sha"], ...shared });
  const files: RepositoryFile[] = [];
  for await (const entry of listFiles({
    repo: id,
    revision: info.sha,
    ...(folder && { path: folder }),
    ...shared,
  })) {
    if (entry.type !== "file" || !entry.oid) continue;
    files.push({
      path: entry.path,
      size: entry.lfs?.size ?? entry.size,
      oid: entry.oid,
      ...(entry.lfs && { sha256: entry.lfs.oid }),
    });
  }
  return { commit: info.sha, files };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
