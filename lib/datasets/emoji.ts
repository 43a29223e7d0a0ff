/** The emoji data set: 23,945 pictures of eight drawing styles with names, groups, subgroups and a split. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findBrokenShard, type RgbPicture, readAllShards, readRecords, readShard } from "../io";
import type { Dataset, DatasetRecord, LabelColumn } from "./dataset";
import { type EmojiIndex, type EmojiSummary, PICTURE_BYTES, PICTURE_SIZE } from "./emoji-index";
import { EMOJI_DIR } from "./emoji-prepare";
import type { EmojiStyle } from "./emoji-sources";
import { SPLITS, type Split } from "./emoji-split";

/** What is known of one emoji picture. */
export interface EmojiRecord extends DatasetRecord {
  style: EmojiStyle;
  /** Name in its package: "waving-hand-light-skin-tone". */
  iconName: string;
  /** emojibase's label in lower case: "waving hand: light skin tone"; for an icon not joined, its own name. */
  name: string;
  /** Code points, upper case, dashed, without FE0F: "1F44B-1F3FB"; null for an icon not joined. */
  hexcode: string | null;
  /** Label without skin tone: "waving hand". */
  baseName: string;
  /** "light" ... "dark", two of them with a comma for two people, or null. */
  skinTone: string | null;
  /** Key of one of ten groups: "people-body"; null for an icon not joined. */
  group: string | null;
  /** Key of one of a hundred subgroups: "hand-fingers-open"; null for an icon not joined. */
  subgroup: string | null;
  /** emojibase's tags. */
  keywords: readonly string[];
  /** Joined, and without skin tone. */
  isBase: boolean;
  split: Split;
}

export interface OpenEmojiOptions {
  /** Folder of the prepared pictures; default data/emoji/prepared. */
  dir?: string;
  /** Check every shard's SHA-256 (0.5 s), not only its length. Default false. */
  verify?: boolean;
}

/** Opens the prepared emoji pictures. Throws, saying what to run, if they are not there or not whole. */
export async function openEmoji({
  dir = EMOJI_DIR,
  verify = false,
}: OpenEmojiOptions = {}): Promise<EmojiDataset> {
  const file = join(dir, "index.json");
  const advice = "run: npx vitrine prepare-emoji";
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Error(`openEmoji: expected ${file}, got ${error.code ?? error.message} (${advice})`);
  });
  let index: EmojiIndex;
  try {
    index = JSON.parse(text) as EmojiIndex;
  } catch {
    throw new Error(`openEmoji: expected ${file} to be JSON, got damaged text (delete it, then ${advice})`);
  }
  if (index.format !== "vitrine-emoji" || index.formatVersion !== 1) {
    const got = `${index.format} version ${index.formatVersion}`;
    throw new Error(`openEmoji: expected ${file} to be vitrine-emoji version 1, got ${got} (${advice})`);
  }
  const broken = await findBrokenShard(dir, index.shards);
  if (broken) await readShard(dir, broken).catch((error: Error) => Promise.reject(withAdvice(error, advice)));
  if (verify) {
    for (const shard of index.shards) {
      await readShard(dir, shard, { verify: true }).catch((error: Error) => {
        throw withAdvice(error, `${advice} -- --verify`.replace(" -- ", " "));
      });
    }
  }
  return new EmojiDataset(dir, index);
}

/** The prepared emoji pictures. Columns have one entry per picture. */
export class EmojiDataset implements Dataset<EmojiRecord> {
  readonly name = "emoji";
  readonly size: number;
  readonly hash: string;
  readonly pictureShape = [PICTURE_SIZE, PICTURE_SIZE, 3] as const;
  /** Counts of the preparation. */
  readonly summary: EmojiSummary;
  /** Base names seen in at least three styles; [C] names. */
  readonly classNames: readonly string[];
  /** Keys of the ten groups. */
  readonly groupNames: readonly string[];
  /** English titles of the groups: "food & drink" for "food-drink". */
  readonly groupTitles: readonly string[];
  /** Keys of the hundred subgroups in use. */
  readonly subgroupNames: readonly string[];
  /** English titles of the subgroups: "fruits" for "food-fruit". */
  readonly subgroupTitles: readonly string[];
  readonly styleNames: readonly EmojiStyle[];
  /** Every different name, skin tones and icons not joined included. */
  readonly names: readonly string[];
  /** Row of `classNames` of the base name (so skin-tone variants have their base's class; see isBase), or -1. */
  readonly classIndex: Int32Array;
  readonly groupIndex: Int32Array;
  readonly subgroupIndex: Int32Array;
  readonly styleIndex: Int32Array;
  /** Row of `names`: pictures of one name are the same concept. */
  readonly nameIndex: Int32Array;
  /** 1 for a base emoji: joined, no skin tone. */
  readonly isBase: Uint8Array;
  /** Row of SPLITS: 0 train, 1 heldOut, 2 excluded. */
  readonly splitIndex: Uint8Array;
  readonly labels: {
    class: LabelColumn;
    name: LabelColumn;
    group: LabelColumn;
    subgroup: LabelColumn;
    style: LabelColumn;
  };
  readonly #dir: string;
  readonly #index: EmojiIndex;
  #all: Promise<Uint8Array> | null = null;

  constructor(dir: string, index: EmojiIndex) {
    this.#dir = dir;
    this.#index = index;
    const { records, emojis } = index;
    this.size = records.style.length;
    this.hash = index.hash;
    this.summary = index.summary;
    this.classNames = index.classNames;
    this.groupNames = index.groups.map((group) => group.key);
    this.groupTitles = index.groups.map((group) => group.title);
    this.subgroupNames = index.subgroups.map((subgroup) => subgroup.key);
    this.subgroupTitles = index.subgroups.map((subgroup) => subgroup.title);
    this.styleNames = index.styles;
    const emojiOf = (i: number) => (records.emoji[i] < 0 ? null : emojis[records.emoji[i]]);
    const column = (names: readonly string[], name: (i: number) => string | null | undefined) => {
      const rows = new Map(names.map((key, row) => [key, row]));
      return Int32Array.from(records.style, (_, i) => rows.get(name(i) ?? "") ?? -1);
    };
    const nameOf = (i: number) => emojiOf(i)?.name ?? plainName(records.iconName[i]);
    this.names = [...new Set(records.style.map((_, i) => nameOf(i)))].sort();
    this.classIndex = column(index.classNames, (i) => emojiOf(i)?.baseName);
    this.groupIndex = column(this.groupNames, (i) => emojiOf(i)?.group);
    this.subgroupIndex = column(this.subgroupNames, (i) => emojiOf(i)?.subgroup);
    this.nameIndex = column(this.names, nameOf);
    this.styleIndex = Int32Array.from(records.style);
    this.isBase = Uint8Array.from(records.style, (_, i) => (emojiOf(i)?.skinTone === null ? 1 : 0));
    this.splitIndex = Uint8Array.from(records.split);
    this.labels = {
      class: { names: this.classNames, index: this.classIndex },
      name: { names: this.names, index: this.nameIndex },
      group: { names: this.groupNames, index: this.groupIndex },
      subgroup: { names: this.subgroupNames, index: this.subgroupIndex },
      style: { names: this.styleNames, index: this.styleIndex },
    };
  }

  record(i: number): EmojiRecord {
    if (!Number.isInteger(i) || i < 0 || i >= this.size) {
      throw new Error(`EmojiDataset.record: expected a whole number from 0 to ${this.size - 1}, got ${i}`);
    }
    const { records, emojis, styles } = this.#index;
    const style = styles[records.style[i]];
    const iconName = records.iconName[i];
    const emoji = records.emoji[i] < 0 ? null : emojis[records.emoji[i]];
    const name = emoji?.name ?? plainName(iconName);
    const label = ({ names, index }: LabelColumn) => (index[i] < 0 ? null : names[index[i]]);
    return {
      id: `${style}/${iconName}`,
      caption: name,
      labels: {
        class: label(this.labels.class),
        name,
        group: emoji?.group ?? null,
        subgroup: emoji?.subgroup ?? null,
        style,
      },
      style,
      iconName,
      name,
      hexcode: emoji?.hexcode ?? null,
      baseName: emoji?.baseName ?? name,
      skinTone: emoji?.skinTone ?? null,
      group: emoji?.group ?? null,
      subgroup: emoji?.subgroup ?? null,
      keywords: emoji?.keywords ?? [],
      isBase: this.isBase[i] === 1,
      split: SPLITS[this.splitIndex[i]],
    };
  }

  /** Numbers of a split's pictures, in order. */
  indices(split: Split): Int32Array {
    const wanted = SPLITS.indexOf(split);
    return Int32Array.from(this.splitIndex.keys()).filter((i) => this.splitIndex[i] === wanted);
  }

  /** [indices.length, 64, 64, 3] RGB bytes; from memory once allPictures() has been called, else from the files. */
  async pictures(indices: ArrayLike<number>): Promise<Uint8Array> {
    if (!this.#all) return await readRecords(this.#dir, this.#index.shards, PICTURE_BYTES, indices);
    const all = await this.#all;
    const some = new Uint8Array(indices.length * PICTURE_BYTES);
    for (let n = 0; n < indices.length; n++) {
      const i = indices[n];
      if (!Number.isInteger(i) || i < 0 || i >= this.size) {
        throw new Error(`EmojiDataset.pictures: expected whole numbers from 0 to ${this.size - 1}, got ${i}`);
      }
      some.set(all.subarray(i * PICTURE_BYTES, (i + 1) * PICTURE_BYTES), n * PICTURE_BYTES);
    }
    return some;
  }

  async attempt(indices: ArrayLike<number>): Promise<Uint8Array[]> {
    const all = await this.pictures(indices);
    return Array.from(indices, (_, n) => all.subarray(n * PICTURE_BYTES, (n + 1) * PICTURE_BYTES));
  }

  async original(i: number): Promise<RgbPicture> {
    return { data: await this.pictures([i]), width: PICTURE_SIZE, height: PICTURE_SIZE };
  }

  /** Every picture, [N, 64, 64, 3] RGB bytes (294 MB), read at the first call and kept. Do not write to it. */
  allPictures(): Promise<Uint8Array> {
    this.#all ??= readAllShards(this.#dir, this.#index.shards).catch((error) => {
      this.#all = null;
      throw error;
    });
    return this.#all;
  }
}

/** An icon's own name as words: "autonomous-car" -> "autonomous car". */
function plainName(iconName: string): string {
  return iconName.replace(/-/g, " ");
}

function withAdvice(error: Error, advice: string): Error {
  return new Error(error.message.replace(/\(delete the file.*\)$/, `(${advice})`));
}
