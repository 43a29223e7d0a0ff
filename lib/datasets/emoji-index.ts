/** The index of the prepared emoji pictures: what index.json and manifest.json hold, and how they are built. */
import { createHash } from "node:crypto";
import { readShard, type Shard, sha256 } from "../io";
import { type Emoji, type Heading, type JoinMethod, readEmojiJoin } from "./emoji-join";
import type { EmojiStyle, Icon, IconSet } from "./emoji-sources";
import { SPLITS, type SplitOptions, type SplitPicture, splitPictures } from "./emoji-split";

/** Width and height of every prepared picture, in pixels. */
export const PICTURE_SIZE = 64;
/** Bytes of one prepared picture: [64, 64, 3] RGB. */
export const PICTURE_BYTES = PICTURE_SIZE * PICTURE_SIZE * 3;

/** index.json. Records are columns, and emojis a table, so that it loads in some 20 ms. */
export interface EmojiIndex {
  format: "vitrine-emoji";
  formatVersion: 1;
  /** Content hash of pictures, names and split. */
  hash: string;
  split: SplitOptions;
  pictureShape: [number, number, number];
  shards: Shard[];
  styles: EmojiStyle[];
  groups: Heading[];
  subgroups: Heading[];
  /** Base names seen in at least `split.minStyles` styles. */
  classNames: string[];
  emojis: Emoji[];
  records: {
    /** Row of `styles`. */
    style: number[];
    iconName: string[];
    /** Row of `emojis`, or -1 for an icon that is not joined. */
    emoji: number[];
    /** Row of SPLITS. */
    split: number[];
  };
  summary: EmojiSummary;
}

/** What a preparation did. */
export interface EmojiSummary {
  /** Number of pictures. */
  size: number;
  shards: number;
  /** Content hash of pictures, names and split. */
  hash: string;
  styles: StyleSummary[];
  /** Base names seen in three styles or more. */
  classes: number;
  heldOut: number;
  excluded: number;
  /** Of the excluded: exact copies of a held-out picture under another name or in another style. */
  excludedCopies: number;
  /** Classes chosen for the held-out set for which no style could give a picture without a leak. */
  refused: string[];
  /** Pictures that are pixel-identical to another one. */
  pixelCopies: number;
  /** Icons whose picture is one colour only. */
  blank: string[];
}

export interface StyleSummary {
  style: EmojiStyle;
  pictures: number;
  joined: number;
  unjoined: number;
  base: number;
  heldOut: number;
  excluded: number;
  methods: Partial<Record<JoinMethod, number>>;
}

/** One picture to prepare: an icon of a style. */
export interface IconRow {
  set: IconSet;
  icon: Icon;
}

/** Joins, splits and counts the pictures of finished shards in `dir`. Reads each shard once. */
export async function buildIndex(
  dir: string,
  rows: readonly IconRow[],
  sets: readonly IconSet[],
  shards: Shard[],
  split: SplitOptions,
): Promise<EmojiIndex> {
  const { groups, subgroups, join } = await readEmojiJoin(sets);

  const { pixelHashes, blank } = await inspectPictures(dir, shards);
  const joins = rows.map(({ set, icon }) => join(set, icon));

  const emojis: Emoji[] = [];
  const emojiRow = new Map<string, number>();
  for (const { emoji } of joins) {
    if (!emoji || emojiRow.has(emoji.hexcode)) continue;
    emojiRow.set(emoji.hexcode, emojis.length);
    emojis.push(emoji);
  }
  const canonical = canonicalRows(rows, joins);
  const pictures: SplitPicture[] = rows.map(({ set }, i) => ({
    style: set.style,
    baseName: joins[i].emoji?.baseName ?? null,
    isBase: joins[i].emoji?.skinTone === null,
    isCanonical: canonical.has(i),
    pixelHash: pixelHashes[i],
    isBlank: blank[i],
  }));
  const { classNames, splits, excludedCopies, refused } = splitPictures(pictures, split);

  const styles = sets.map((set) => set.style);
  const inUse = (headings: Heading[], key: (emoji: Emoji) => string | null) => {
    const used = new Set(emojis.map(key));
    return headings.filter((heading) => used.has(heading.key));
  };
  const records = {
    style: rows.map(({ set }) => styles.indexOf(set.style)),
    iconName: rows.map(({ icon }) => icon.name),
    emoji: joins.map(({ emoji }) => (emoji ? (emojiRow.get(emoji.hexcode) ?? -1) : -1)),
    split: splits.map((name) => SPLITS.indexOf(name)),
  };
  const hash = sha256(JSON.stringify([shards.map((shard) => shard.sha256), emojis, records, split]));
  const occurrences = new Map<string, number>();
  for (const key of pixelHashes) occurrences.set(key, (occurrences.get(key) ?? 0) + 1);
  const count = (keep: (row: number) => boolean) => rows.filter((_, i) => keep(i)).length;
  const summary: EmojiSummary = {
    size: rows.length,
    shards: shards.length,
    hash,
    styles: styles.map((style) => {
      const inStyle = (i: number) => rows[i].set.style === style;
      const methods: Partial<Record<JoinMethod, number>> = {};
      rows.forEach((_, i) => {
        if (inStyle(i)) methods[joins[i].method] = (methods[joins[i].method] ?? 0) + 1;
      });
      return {
        style,
        pictures: count(inStyle),
        joined: count((i) => inStyle(i) && joins[i].emoji !== null),
        unjoined: count((i) => inStyle(i) && joins[i].emoji === null),
        base: count((i) => inStyle(i) && pictures[i].isBase),
        heldOut: count((i) => inStyle(i) && splits[i] === "heldOut"),
        excluded: count((i) => inStyle(i) && splits[i] === "excluded"),
        methods,
      };
    }),
    classes: classNames.length,
    heldOut: count((i) => splits[i] === "heldOut"),
    excluded: count((i) => splits[i] === "excluded"),
    excludedCopies,
    refused,
    pixelCopies: count((i) => (occurrences.get(pixelHashes[i]) ?? 0) > 1),
    blank: rows.flatMap(({ set, icon }, i) => (blank[i] ? [`${set.style}/${icon.name}`] : [])),
  };
  return {
    format: "vitrine-emoji",
    formatVersion: 1,
    hash,
    split,
    pictureShape: [PICTURE_SIZE, PICTURE_SIZE, 3],
    shards,
    styles,
    groups: inUse(groups, (emoji) => emoji.group),
    subgroups: inUse(subgroups, (emoji) => emoji.subgroup),
    classNames,
    emojis,
    records,
    summary,
  };
}

const METHOD_RANK: JoinMethod[] = [
  "code points",
  "name in another style",
  "label",
  "short code",
  "alias",
  "none",
];

/** Of each (base name, style) the one picture that stands for it: the best-joined, then the first. */
function canonicalRows(
  rows: readonly IconRow[],
  joins: readonly { emoji: Emoji | null; method: JoinMethod }[],
): Set<number> {
  const best = new Map<string, number>();
  rows.forEach(({ set }, i) => {
    const { emoji, method } = joins[i];
    if (!emoji || emoji.skinTone !== null) return;
    const key = `${set.style}/${emoji.baseName}`;
    const before = best.get(key);
    if (before === undefined || METHOD_RANK.indexOf(method) < METHOD_RANK.indexOf(joins[before].method)) {
      best.set(key, i);
    }
  });
  return new Set(best.values());
}

async function inspectPictures(dir: string, shards: readonly Shard[]) {
  const pixelHashes: string[] = [];
  const blank: boolean[] = [];
  for (const shard of shards) {
    const bytes = await readShard(dir, shard);
    for (let i = 0; i < shard.count; i++) {
      const picture = bytes.subarray(i * PICTURE_BYTES, (i + 1) * PICTURE_BYTES);
      pixelHashes.push(createHash("sha1").update(picture).digest("base64"));
      blank.push(isBlank(picture));
    }
  }
  return { pixelHashes, blank };
}

/** True if every pixel of an RGB picture has the same colour. */
function isBlank(picture: Uint8Array): boolean {
  for (let i = 3; i < picture.length; i++) if (picture[i] !== picture[i - 3]) return false;
  return true;
}
