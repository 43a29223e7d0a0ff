/** Joins the icon packages' picture names to emojibase: one emoji (label, group, subgroup) per icon. */
import { EMOJI_ALIASES } from "./emoji-aliases";
import { type EmojiStyle, type Icon, type IconSet, plainHexcode, readPackageJson } from "./emoji-sources";

/** One emoji of emojibase, with or without skin tone. */
export interface Emoji {
  /** Code points, upper case, dashed, without FE0F: "1F44B-1F3FB". */
  hexcode: string;
  /** Label in lower case: "waving hand: light skin tone". */
  name: string;
  /** Label without skin tone: "waving hand". */
  baseName: string;
  /** "light" ... "dark", two of them with a comma for two people, or null. */
  skinTone: string | null;
  /** Group key, as "people-body"; null for the letters of flags. */
  group: string | null;
  /** Subgroup key, as "hand-fingers-open"; null for the letters of flags. */
  subgroup: string | null;
  /** emojibase's tags. */
  keywords: string[];
}

/** How an icon was joined: by its package's code points, another style's name, or a normalised name. */
export type JoinMethod = "code points" | "name in another style" | "label" | "short code" | "alias" | "none";

/** The join of one icon. */
export interface IconJoin {
  emoji: Emoji | null;
  method: JoinMethod;
}

/** A group or subgroup of emojibase. */
export interface Heading {
  /** "food-fruit" */
  key: string;
  /** What emojibase shows in English: "fruits". */
  title: string;
}

/** The taxonomy and the join of any icon. */
export interface EmojiJoin {
  groups: Heading[];
  subgroups: Heading[];
  /** Joins one icon of one style. */
  join(set: IconSet, icon: Icon): IconJoin;
}

interface EmojibaseEmoji {
  label: string;
  hexcode: string;
  tags?: string[];
  group?: number;
  subgroup?: number;
  tone?: number | number[];
  skins?: EmojibaseEmoji[];
}

interface Message {
  key: string;
  message: string;
  order: number;
}

interface Messages {
  groups: Message[];
  subgroups: Message[];
}

const SKIN_TONES = ["light", "medium-light", "medium", "medium-dark", "dark"];

/** Short-code tables of emojibase in the order in which they are trusted. */
const SHORT_CODES = ["cldr", "iamcal", "emojibase", "github", "joypixels"];

/** Reads emojibase and the eight styles' own code points, and returns the join. */
export async function readEmojiJoin(sets: readonly IconSet[]): Promise<EmojiJoin> {
  const [data, messages, unicodeNames, ...shortCodes] = await Promise.all([
    readPackageJson<EmojibaseEmoji[]>("emojibase-data/en/data.json"),
    readPackageJson<Messages>("emojibase-data/en/messages.json"),
    readPackageJson<Record<string, string>>("emojibase-data/meta/unicode-names.json"),
    ...SHORT_CODES.map((table) =>
      readPackageJson<Record<string, string | string[]>>(`emojibase-data/en/shortcodes/${table}.json`),
    ),
  ]);
  const groups = inOrder(messages.groups);
  const subgroups = inOrder(messages.subgroups);
  const byHexcode = new Map<string, Emoji>();
  const byLabel = new Map<string, Emoji>();
  /** Skin-tone variants of a base emoji, by base name and tone. */
  const byTone = new Map<string, Emoji>();
  for (const base of data) {
    const baseName = plainLabel(base.label);
    for (const entry of [base, ...(base.skins ?? [])]) {
      const emoji: Emoji = {
        hexcode: plainHexcode(entry.hexcode),
        name: plainLabel(entry.label),
        baseName,
        skinTone: entry === base ? null : toneName(entry.tone),
        group: base.group === undefined ? null : groups[base.group].key,
        subgroup: base.subgroup === undefined ? null : subgroups[base.subgroup].key,
        keywords: base.tags ?? [],
      };
      byHexcode.set(emoji.hexcode, emoji);
      setOnce(byLabel, squash(emoji.name), emoji);
      if (emoji.skinTone) setOnce(byTone, `${baseName}|${emoji.skinTone}`, emoji);
    }
  }

  const byStyleName = new Map<string, Emoji>();
  for (const set of sets) {
    for (const [name, hexcodes] of set.hexcodes) {
      const emoji = hexcodes.map((hexcode) => byHexcode.get(hexcode)).find((found) => found);
      if (emoji) setOnce(byStyleName, squash(name), emoji);
    }
  }
  const byShortCode = new Map<string, Emoji>();
  const addCodes = (table: Record<string, string | string[]>) => {
    for (const [hexcode, codes] of Object.entries(table)) {
      const emoji = byHexcode.get(plainHexcode(hexcode));
      if (emoji) for (const code of [codes].flat()) setOnce(byShortCode, squash(code), emoji);
    }
  };
  addCodes(unicodeNames);
  for (const table of shortCodes) addCodes(table);

  const joinName = (name: string, style: EmojiStyle): IconJoin | null => {
    const key = squash(name);
    const alias = EMOJI_ALIASES[style]?.[name];
    if (alias === null) return { emoji: null, method: "none" };
    if (alias !== undefined) {
      const emoji = byLabel.get(squash(alias));
      if (!emoji) throw new Error(`internal: emoji alias ${name} names no emoji: ${alias}`);
      return { emoji, method: "alias" };
    }
    const inStyle = byStyleName.get(key);
    if (inStyle) return { emoji: inStyle, method: "name in another style" };
    const label = byLabel.get(key);
    if (label) return { emoji: label, method: "label" };
    const code = byShortCode.get(key);
    return code ? { emoji: code, method: "short code" } : null;
  };

  /** A name, then the name without the packages' habits ("flag-for-flag-", a skin tone at its end). */
  const joinVariants = (name: string, style: EmojiStyle): IconJoin | null => {
    for (const variant of [name, ...spellings(name)]) {
      const found = joinName(variant, style);
      if (found) return found;
      const { stem, tone } = splitTone(variant);
      if (!tone) continue;
      const base = joinName(stem, style)?.emoji;
      if (!base || base.skinTone) continue;
      return { emoji: byTone.get(`${base.baseName}|${tone}`) ?? withTone(base, tone), method: "label" };
    }
    return null;
  };

  const join = (set: IconSet, icon: Icon): IconJoin => {
    const hexcodes = set.hexcodes.get(icon.name) ?? [];
    for (const hexcode of hexcodes) {
      const emoji = byHexcode.get(hexcode);
      if (emoji) return { emoji, method: "code points" };
    }
    for (const name of [icon.name, ...(set.otherNames.get(icon.name) ?? [])]) {
      // A package that knows the picture's code points, none of them an emoji, is right: only aliases say otherwise.
      if (hexcodes.length > 0 && EMOJI_ALIASES[set.style]?.[name] === undefined && !splitTone(name).tone)
        continue;
      const found = joinVariants(name, set.style);
      if (found) return found;
    }
    return { emoji: null, method: "none" };
  };
  return { groups, subgroups, join };
}

/** Key for comparing names however they are written: lower case, no accents, letters and digits only. */
export function squash(name: string): string {
  return name
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/&/g, "and")
    .replace(/#/g, "hash")
    .replace(/\*/g, "asterisk")
    .replace(/[^a-z0-9]/g, "");
}

/** A dashed name's skin tone, if it ends in one: "man-elf-tone2", "skier-dark", "adult-medium-skin-tone". */
export function splitTone(name: string): { stem: string; tone: string | null } {
  const match = /^(.+?)-(?:(medium-light|medium-dark|light|medium|dark)(?:-skin-tone)?|tone([1-5]))$/.exec(
    name,
  );
  if (!match) return { stem: name, tone: null };
  return { stem: match[1], tone: match[2] ?? SKIN_TONES[Number(match[3]) - 1] };
}

function spellings(name: string): string[] {
  const flag = /^flag-for-(?:flag-)?(.+)$/.exec(name);
  return flag ? [`flag-${flag[1]}`, flag[1]] : [];
}

/** A tone that a vendor draws and Unicode does not list, as a skier's. */
function withTone(base: Emoji, tone: string): Emoji {
  const point = ["1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"][SKIN_TONES.indexOf(tone)];
  const [first, ...rest] = base.hexcode.split("-");
  const hexcode = [first, point, ...rest].join("-");
  return { ...base, hexcode, name: `${base.baseName}: ${tone} skin tone`, skinTone: tone };
}

function plainLabel(label: string): string {
  return label.toLowerCase().replace(/[‘’]/g, "'").replace(/[“”]/g, '"');
}

function toneName(tone: number | number[] | undefined): string {
  return [tone ?? []]
    .flat()
    .map((t) => SKIN_TONES[t - 1])
    .join(", ");
}

function inOrder(messages: Message[]): Heading[] {
  return [...messages].sort((a, b) => a.order - b.order).map(({ key, message }) => ({ key, title: message }));
}

function setOnce<V>(map: Map<string, V>, key: string, value: V): void {
  if (!map.has(key)) map.set(key, value);
}
