/** Prepares the emoji pictures: renders eight icon packages into shards, and writes their index. Resumable. */
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import {
  findBrokenShard,
  readShard,
  renderSvg,
  type Shard,
  sha256,
  writeFileAtomic,
  writeShard,
} from "../io";
import { EMOJI_ALIASES } from "./emoji-aliases";
import { buildIndex, type EmojiSummary, type IconRow, PICTURE_BYTES, PICTURE_SIZE } from "./emoji-index";
import { EMOJI_STYLES, type EmojiStyle, readIconSet, sourceVersions } from "./emoji-sources";
import { DEFAULT_SPLIT, type SplitOptions } from "./emoji-split";

/** Where the prepared pictures are unless told otherwise. */
export const EMOJI_DIR = join(__dirname, "../../data/emoji/prepared");

/** Raise when the rendering changes: prepared pictures are then made again. */
const RENDERING_VERSION = 2;
/** Raise when the join or the index changes: the index is then made again, the pictures are kept. */
const INDEX_VERSION = 2;

/** How far a preparation is. */
export interface EmojiProgress {
  stage: "pictures" | "index";
  /** Pictures done, those of an interrupted run included. */
  done: number;
  total: number;
  /** Pictures a second in this run. */
  rate: number;
  etaSeconds: number;
}

export interface PrepareEmojiOptions {
  /** Folder to write to; default data/emoji/prepared. */
  dir?: string;
  /** Called after every few pictures. */
  onProgress?: (progress: EmojiProgress) => void;
  /** Stops the preparation; finished shards stay, and the next call goes on from them. */
  signal?: AbortSignal;
  /** Check every shard's SHA-256, not only its length; a wrong one is rendered again. Default false. */
  verify?: boolean;
  /** Styles to prepare; default all eight. */
  styles?: readonly EmojiStyle[];
  /** Pictures per style, for a small set; default all. */
  perStyle?: number;
  /** Pictures in a shard; default 1,024 (12.6 MB). */
  shardSize?: number;
  /** The split's seed and shares; default seed 42, 60% of the classes. */
  split?: SplitOptions;
  /** Pictures rendered at once; default the number of cores, at most 4. */
  concurrency?: number;
}

/** What a preparation is made from: `pictures` and `index` change when their inputs do. */
interface Keys {
  pictures: string;
  index: string;
  sources: Record<string, string>;
}

interface Manifest {
  format: "vitrine-emoji";
  keys: Keys;
  shards: Shard[];
  indexBytes: number;
  indexSha256: string;
  summary: EmojiSummary;
}

/** Shards finished so far, kept beside them until the set is complete. */
interface Unfinished {
  pictures: string;
  shards: Shard[];
}

/**
 * Makes data/emoji/prepared complete: pictures-00000.bin and on ([N, 64, 64, 3] RGB bytes, no header), index.json and
 * manifest.json. Returns at once if it is. Goes on where an interrupted run ended; shards that are missing, short or
 * (with `verify`) corrupt are rendered again. Throws the signal's reason when aborted.
 */
export async function prepareEmoji(options: PrepareEmojiOptions = {}): Promise<EmojiSummary> {
  const { dir = EMOJI_DIR, signal, verify = false, styles = EMOJI_STYLES, perStyle = Infinity } = options;
  const { shardSize = 1024, split = DEFAULT_SPLIT } = options;
  signal?.throwIfAborted();
  const keys = await preparationKeys({ styles, perStyle, shardSize, split });
  const manifest = await readJson<Manifest>(join(dir, "manifest.json"));
  if (manifest && (await isComplete(dir, manifest, keys, verify))) return manifest.summary;

  const sets = await Promise.all(styles.map(readIconSet));
  const rows: IconRow[] = sets.flatMap((set) => set.icons.slice(0, perStyle).map((icon) => ({ set, icon })));
  await mkdir(dir, { recursive: true });
  const shards = await renderShards(dir, rows, keys, manifest, { ...options, shardSize });
  options.onProgress?.({ stage: "index", done: rows.length, total: rows.length, rate: 0, etaSeconds: 0 });
  const index = await buildIndex(dir, rows, sets, shards, split);
  const indexJson = JSON.stringify(index);
  await writeFileAtomic(join(dir, "index.json"), indexJson);
  const finished: Manifest = {
    format: "vitrine-emoji",
    keys,
    shards,
    indexBytes: Buffer.byteLength(indexJson),
    indexSha256: sha256(indexJson),
    summary: index.summary,
  };
  await writeFileAtomic(join(dir, "manifest.json"), `${JSON.stringify(finished, null, 1)}\n`);
  await removeLeftovers(dir, shards);
  return index.summary;
}

/** True if the prepared pictures of the default set are there and made from the installed packages. */
export async function isEmojiPrepared({ dir = EMOJI_DIR, verify = false } = {}): Promise<boolean> {
  const manifest = await readJson<Manifest>(join(dir, "manifest.json"));
  if (!manifest) return false;
  const defaults = { styles: EMOJI_STYLES, perStyle: Infinity, shardSize: 1024, split: DEFAULT_SPLIT };
  return await isComplete(dir, manifest, await preparationKeys(defaults), verify);
}

interface KeyOptions {
  styles: readonly EmojiStyle[];
  perStyle: number;
  shardSize: number;
  split: SplitOptions;
}

async function preparationKeys({ styles, perStyle, shardSize, split }: KeyOptions): Promise<Keys> {
  const { "emojibase-data": emojibase, ...icons } = await sourceVersions();
  const rendered = { ...icons, sharp: sharp.versions.sharp ?? "", librsvg: sharp.versions.rsvg ?? "" };
  const pictures = sha256(
    JSON.stringify([RENDERING_VERSION, PICTURE_SIZE, rendered, styles, String(perStyle), shardSize]),
  );
  const index = sha256(JSON.stringify([INDEX_VERSION, pictures, emojibase, EMOJI_ALIASES, split]));
  return { pictures, index, sources: { ...rendered, "emojibase-data": emojibase } };
}

async function isComplete(dir: string, manifest: Manifest, keys: Keys, verify: boolean): Promise<boolean> {
  if (manifest.keys.pictures !== keys.pictures || manifest.keys.index !== keys.index) return false;
  const index = join(dir, "index.json");
  const bytes = await stat(index).then(
    (info) => info.size,
    () => -1,
  );
  if (bytes !== manifest.indexBytes || (await findBrokenShard(dir, manifest.shards))) return false;
  if (!verify) return true;
  if (sha256(await readFile(index)) !== manifest.indexSha256) return false;
  for (const shard of manifest.shards) if (!(await isIntact(dir, shard))) return false;
  return true;
}

async function isIntact(dir: string, shard: Shard): Promise<boolean> {
  return await readShard(dir, shard, { verify: true }).then(
    () => true,
    () => false,
  );
}

/** Renders every shard that is not there and intact, and returns the whole table. */
async function renderShards(
  dir: string,
  rows: readonly IconRow[],
  keys: Keys,
  manifest: Manifest | null,
  options: PrepareEmojiOptions & { shardSize: number },
): Promise<Shard[]> {
  const { onProgress, signal, shardSize } = options;
  const unfinishedFile = join(dir, "unfinished.json");
  const before = await readJson<Unfinished>(unfinishedFile);
  const known = [
    ...(before?.pictures === keys.pictures ? before.shards : []),
    ...(manifest?.keys.pictures === keys.pictures ? manifest.shards : []),
  ];
  const shards: (Shard | null)[] = [];
  for (let first = 0; first < rows.length; first += shardSize) {
    const shard = known.find((candidate) => candidate.first === first);
    shards.push(shard && (await isIntact(dir, shard)) ? shard : null);
  }
  const missing = shards.some((shard) => shard === null);
  const finished = () => shards.filter((shard): shard is Shard => shard !== null);
  let done = finished().reduce((sum, shard) => sum + shard.count, 0);
  const resumed = done;
  const start = performance.now();
  const report = () => {
    const seconds = (performance.now() - start) / 1000;
    const rate = (done - resumed) / Math.max(seconds, 1e-9);
    const etaSeconds = rate > 0 ? (rows.length - done) / rate : Infinity;
    onProgress?.({ stage: "pictures", done, total: rows.length, rate, etaSeconds });
  };
  const saveFinished = async () => {
    const unfinished: Unfinished = { pictures: keys.pictures, shards: finished() };
    await writeFileAtomic(unfinishedFile, JSON.stringify(unfinished));
  };
  if (missing) {
    // An index must never describe shards that are being replaced.
    await saveFinished();
    await rm(join(dir, "manifest.json"), { force: true });
    await rm(join(dir, "index.json"), { force: true });
  }
  // One thread per picture: several pictures at once keep the cores busy with less waiting.
  const threads = sharp.concurrency();
  sharp.concurrency(1);
  try {
    for (const [number, shard] of shards.entries()) {
      if (shard) continue;
      const first = number * shardSize;
      const part = rows.slice(first, first + shardSize);
      const pixels = new Uint8Array(part.length * PICTURE_BYTES);
      await eachAtOnce(
        part,
        options.concurrency ?? Math.min(4, availableParallelism()),
        async ({ set, icon }, i) => {
          signal?.throwIfAborted();
          pixels.set(await renderSvg(icon, PICTURE_SIZE, `${set.style}/${icon.name}`), i * PICTURE_BYTES);
          done++;
          if (done % 64 === 0) report();
        },
      );
      const file = `pictures-${String(number).padStart(5, "0")}.bin`;
      shards[number] = await writeShard(dir, file, first, part.length, pixels);
      await saveFinished();
      report();
    }
  } finally {
    sharp.concurrency(threads);
  }
  return finished();
}

/** Runs `work` on every item, at most `limit` at once; the first failure stops the rest and is thrown. */
async function eachAtOnce<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < items.length && !failed) {
      const i = next++;
      try {
        await work(items[i], i);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, lane));
  for (const result of lanes) if (result.status === "rejected") throw result.reason;
}

/** Removes what earlier or interrupted preparations left: other shards, temporary files, the unfinished list. */
async function removeLeftovers(dir: string, shards: readonly Shard[]): Promise<void> {
  const keep = new Set(["index.json", "manifest.json", ...shards.map((shard) => shard.file)]);
  const ours = /^(pictures-\d+\.bin|(index|manifest|unfinished)\.json)(\.\d+\.\d+\.tmp)?$/;
  for (const file of await readdir(dir)) {
    if (ours.test(file) && !keep.has(file)) await rm(join(dir, file), { force: true });
  }
}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch {
    // Missing or damaged: made again.
    return null;
  }
}
