/** Chooses the held-out pictures: a fixed, seeded split without copies of a held-out picture in training. */
import { sha256 } from "../io";

export const SPLITS = ["train", "heldOut", "excluded"] as const;

/**
 * "train"; "heldOut": a base emoji's picture in one style, its name seen in at least two other styles of "train";
 * "excluded": in neither, as it gives a held-out picture away (its skin tones, second drawings and exact copies).
 */
export type Split = (typeof SPLITS)[number];

/** What the split needs to know of a picture. */
export interface SplitPicture {
  style: string;
  /** Label without skin tone, or null for an icon that is not joined. */
  baseName: string | null;
  /** Joined, and without skin tone. */
  isBase: boolean;
  /** A base emoji's best picture of its style: of two drawings, the one that the package itself gives. */
  isCanonical: boolean;
  /** Equal for pixel-identical pictures, and only for them. */
  pixelHash: string;
  /** One colour only. */
  isBlank: boolean;
}

export interface SplitOptions {
  /** Same seed, same split. */
  seed: number;
  /** Share of the classes that give one picture to "heldOut". */
  heldOutShare: number;
  /** Styles in which a base name must be seen to be a class. */
  minStyles: number;
  /** Other styles that must keep a held-out name in "train". */
  minOtherStyles: number;
}

export const DEFAULT_SPLIT: SplitOptions = { seed: 42, heldOutShare: 0.6, minStyles: 3, minOtherStyles: 2 };

export interface SplitResult {
  /** Base names seen in at least `minStyles` styles, in alphabetical order. */
  classNames: string[];
  /** Split of each picture. */
  splits: Split[];
  /** Pictures excluded because they are pixel-identical to a held-out picture of another name or style. */
  excludedCopies: number;
  /** Classes chosen for a held-out picture for which no style could give one without a leak. */
  refused: string[];
}

/**
 * Splits pictures. A class is chosen if its own hash with the seed falls below `heldOutShare`, and gives its picture
 * in the style whose hash is lowest, so that a choice depends on nothing but the seed, the name and the styles.
 */
export function splitPictures(pictures: readonly SplitPicture[], options = DEFAULT_SPLIT): SplitResult {
  const { seed, heldOutShare, minStyles, minOtherStyles } = options;
  const byBase = groupBy(pictures, (picture) => picture.baseName);
  const byHash = groupBy(pictures, (picture) => picture.pixelHash);
  const stylesOf = (rows: number[], keep: (row: number) => boolean) =>
    new Set(rows.filter((row) => pictures[row].isBase && keep(row)).map((row) => pictures[row].style));
  const classNames = [...byBase.keys()]
    .filter((name) => stylesOf(byBase.get(name) ?? [], () => true).size >= minStyles)
    .sort();

  const splits: Split[] = pictures.map(() => "train");
  const heldOutClasses = new Set<string>();
  const refused: string[] = [];
  let excludedCopies = 0;
  const unit = (...key: string[]) =>
    Number.parseInt(sha256([seed, ...key].join("\n")).slice(0, 12), 16) / 2 ** 48;
  const keepsEnough = (name: string, gone: Set<number>) =>
    stylesOf(byBase.get(name) ?? [], (row) => splits[row] === "train" && !gone.has(row)).size >=
    minOtherStyles;

  for (const name of classNames.filter((className) => unit(className) < heldOutShare)) {
    const rows = byBase.get(name) ?? [];
    const candidates = rows
      .filter((row) => pictures[row].isCanonical && !pictures[row].isBlank && splits[row] === "train")
      .sort((a, b) => unit(name, pictures[a].style) - unit(name, pictures[b].style));
    let chosen = false;
    for (const candidate of candidates) {
      const { style } = pictures[candidate];
      const siblings = rows.filter((row) => pictures[row].style === style);
      const copies = siblings
        .flatMap((row) => byHash.get(pictures[row].pixelHash) ?? [])
        .filter((row) => splits[row] === "train" && !siblings.includes(row));
      const gone = new Set([...siblings, ...copies]);
      const touched = [...copies].map((row) => pictures[row].baseName);
      const mustKeep = touched.filter((base) => base !== null && heldOutClasses.has(base));
      if (![name, ...mustKeep].every((base) => base !== null && keepsEnough(base, gone))) continue;
      for (const row of gone) if (splits[row] === "train") splits[row] = "excluded";
      splits[candidate] = "heldOut";
      excludedCopies += new Set(copies).size;
      heldOutClasses.add(name);
      chosen = true;
      break;
    }
    if (!chosen) refused.push(name);
  }
  return { classNames, splits, excludedCopies, refused };
}

function groupBy<T>(items: readonly T[], key: (item: T) => string | null): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  items.forEach((item, i) => {
    const k = key(item);
    if (k === null) return;
    const group = groups.get(k);
    if (group) group.push(i);
    else groups.set(k, [i]);
  });
  return groups;
}
