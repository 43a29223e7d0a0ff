/**
 * A model in the Hugging Face cache on disk, laid out as Python's huggingface_hub does, so that each finds what the other fetched:
 * `models--org--name/blobs/ETAG`, `snapshots/COMMIT/FILE` as links to blobs, and `refs/REVISION` with a commit in it.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { writeFileAtomic } from "../atomic";

const COMMIT = /^[0-9a-f]{40}$/;

export class CachedRepo {
  /** `models--org--name` */
  readonly folder: string;

  constructor(cache: string, id: string) {
    this.folder = join(cache, `models--${id.replaceAll("/", "--")}`);
  }

  /** The commit that a branch, a tag or a commit means here, as far as is known without the network. */
  commit(revision: string): string | undefined {
    if (COMMIT.test(revision)) return revision;
    try {
      const commit = readFileSync(join(this.folder, "refs", revision), "utf8").trim();
      return COMMIT.test(commit) ? commit : undefined;
    } catch {
      return undefined;
    }
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Names of the files of a snapshot, or of a folder in it, whose contents are there. */
  files(commit: string, folder = ""): string[] {
    const place = join(this.snapshot(commit), folder);
    if (!existsSync(place)) return [];
    const names = readdirSync(place).map((name) => (folder === "" ? name : `${folder}/${name}`));
    return names.filter((name) => this.has(commit, name));
  }

  has(commit: string, file: string): boolean {
    return existsSync(join(this.snapshot(commit), file)); // follows the link
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Puts a blob under its name into a snapshot: a relative link, or a copy where the disk has no links. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    const place = join(this.snapshot(commit), file);
    await mkdir(dirname(place), { recursive: true });
    if (lstatSync(place, { throwIfNoEntry: false })) await rm(place); // a link to a blob that was removed
    const target = relative(dirname(place), this.blob(etag));
    try {
      await symlink(target, place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return; // another process was faster
      const temporary = `${place}.${process.pid}.tmp`;
      await copyFile(this.blob(etag), temporary);
      await rename(temporary, place);
    }
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (!COMMIT.test(revision)) await writeFileAtomic(join(this.folder, "refs", revision), commit);
  }
}
