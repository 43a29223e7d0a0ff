/** Reads the installed icon packages: eight emoji drawing styles, each a list of SVG pictures by name. */
import { readFile } from "node:fs/promises";

/** The eight styles in the order in which their pictures are stored. */
export const EMOJI_STYLES = [
  "fluent-emoji",
  "fluent-emoji-flat",
  "twemoji",
  "noto",
  "noto-v1",
  "openmoji",
  "emojione",
  "fxemoji",
] as const;

export type EmojiStyle = (typeof EMOJI_STYLES)[number];

/** One SVG picture: the inside of an <svg> element and its view box. */
export interface Icon {
  name: string;
  body: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

/** One style as its package has it. */
export interface IconSet {
  style: EmojiStyle;
  icons: Icon[];
  /** Code points (upper case, dashed, without FE0F) by icon name; empty for packages without chars.json. */
  hexcodes: Map<string, string[]>;
  /** Other names of the same picture by icon name (mirrored or turned aliases left out). */
  otherNames: Map<string, string[]>;
}

interface IconJson {
  body: string;
  left?: number;
  top?: number;
  width?: number;
  height?: number;
}

interface IconSetJson {
  icons: Record<string, IconJson>;
  aliases?: Record<string, { parent: string; hFlip?: boolean; vFlip?: boolean; rotate?: number }>;
  left?: number;
  top?: number;
  width?: number;
  height?: number;
}

/** Path of a file of an installed package. Throws if the package is not installed. */
export function packageFile(file: string): string {
  try {
    return require.resolve(file);
  } catch {
    throw new Error(`emoji sources: expected the installed file ${file}, got nothing (run npm install)`);
  }
}

/** Reads and parses a JSON file of an installed package. */
export async function readPackageJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(packageFile(file), "utf8")) as T;
}

/** The exact version of every package that pictures and names come from, by package name. */
export async function sourceVersions(): Promise<Record<string, string>> {
  const names = [...EMOJI_STYLES.map((style) => `@iconify-json/${style}`), "emojibase-data"];
  const versions = await Promise.all(
    names.map(async (name) => (await readPackageJson<{ version: string }>(`${name}/package.json`)).version),
  );
  return Object.fromEntries(names.map((name, i) => [name, versions[i]]));
}

/** Reads one style; icons come in the package's own (alphabetical) order. */
export async function readIconSet(style: EmojiStyle): Promise<IconSet> {
  const json = await readPackageJson<IconSetJson>(`@iconify-json/${style}/icons.json`);
  const icons = Object.entries(json.icons).map(([name, icon]) => ({
    name,
    body: icon.body,
    left: icon.left ?? json.left ?? 0,
    top: icon.top ?? json.top ?? 0,
    width: icon.width ?? json.width ?? 16,
    height: icon.height ?? json.height ?? 16,
  }));
  const hexcodes = new Map<string, string[]>();
  for (const [hexcode, name] of Object.entries(await readChars(style))) {
    hexcodes.set(name, [...(hexcodes.get(name) ?? []), plainHexcode(hexcode)]);
  }
  const otherNames = new Map<string, string[]>();
  for (const [name, alias] of Object.entries(json.aliases ?? {})) {
    if (alias.hFlip || alias.vFlip || alias.rotate) continue;
    otherNames.set(alias.parent, [...(otherNames.get(alias.parent) ?? []), name]);
  }
  return { style, icons, hexcodes, otherNames };
}

/** Code points without the emoji presentation selector and leading zeros: "0023-FE0F-20E3" -> "23-20E3". */
export function plainHexcode(hexcode: string): string {
  return hexcode
    .toUpperCase()
    .split("-")
    .filter((point) => point !== "FE0F")
    .map((point) => point.replace(/^0+(?=.)/, ""))
    .join("-");
}

async function readChars(style: EmojiStyle): Promise<Record<string, string>> {
  try {
    return await readPackageJson<Record<string, string>>(`@iconify-json/${style}/chars.json`);
  } catch {
    // Four packages (fluent-emoji, noto-v1, emojione, fxemoji) have no code points; their names are joined.
    return {};
  }
}
