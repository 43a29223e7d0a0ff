import assert from "node:assert/strict";
import { test } from "node:test";
import { EMOJI_ALIASES } from "./emoji-aliases";
import { readEmojiJoin, splitTone, squash } from "./emoji-join";
import { EMOJI_STYLES, type EmojiStyle, plainHexcode, readIconSet } from "./emoji-sources";

const sets = Promise.all(EMOJI_STYLES.map(readIconSet));
const joined = sets.then(async (all) => ({ sets: all, ...(await readEmojiJoin(all)) }));

/** [pictures, of these not joined] of each style: what data/emoji/README.md says. */
const COUNTS: Record<EmojiStyle, [number, number]> = {
  "fluent-emoji": [3174, 0],
  "fluent-emoji-flat": [3174, 0],
  twemoji: [4169, 1],
  noto: [3819, 44],
  "noto-v1": [2162, 14],
  openmoji: [4579, 580],
  emojione: [1834, 12],
  fxemoji: [1034, 123],
};

test("the eight packages have 23,945 pictures, and at most 774 of them name no emoji", async () => {
  const { sets: all, join } = await joined;
  for (const set of all) {
    const unjoined = set.icons.filter((icon) => join(set, icon).emoji === null);
    assert.deepEqual([set.icons.length, unjoined.length], COUNTS[set.style], set.style);
  }
  assert.equal(
    all.reduce((sum, set) => sum + set.icons.length, 0),
    23945,
  );
});

test("names of every style's own fashion find their emoji", async () => {
  const { sets: all, join } = await joined;
  const cases: [EmojiStyle, string, string | null][] = [
    ["fluent-emoji", "waving-hand-medium-dark", "waving hand: medium-dark skin tone"],
    ["fluent-emoji", "skier-dark", "skier: dark skin tone"],
    ["fluent-emoji-flat", "person-wrestling-light", "people wrestling: light skin tone"],
    ["twemoji", "flag-for-flag-st-barthelemy", "flag: st. barthélemy"],
    ["twemoji", "older-adult-medium-skin-tone", "older person: medium skin tone"],
    ["twemoji", "woman-in-suit-levitating-dark-skin-tone", "person in suit levitating: dark skin tone"],
    ["noto", "man-elf-tone4", "man elf: medium-dark skin tone"],
    ["noto", "1", null],
    ["noto", "pickle", null],
    ["noto-v1", "flag-for-flag-japan", "flag: japan"],
    ["openmoji", "flag-so-tom-prncipe", "flag: são tomé & príncipe"],
    ["openmoji", "autonomous-car", null],
    ["emojione", "flag-for-rainbow-flag", "rainbow flag"],
    ["emojione", "o-button", "o button (blood type)"],
    ["fxemoji", "hotbeverage", "hot beverage"],
    ["fxemoji", "cat", "cat face"],
    ["fxemoji", "cjkunifiedideograph-i", 'japanese "free of charge" button'],
  ];
  for (const [style, name, expected] of cases) {
    const set = all.find((candidate) => candidate.style === style);
    const icon = set?.icons.find((candidate) => candidate.name === name);
    assert.ok(set && icon, `${style}/${name} is in its package`);
    assert.equal(join(set, icon).emoji?.name ?? null, expected, `${style}/${name}`);
  }
});

test("labels and short codes alone lead to the emoji of the packages' own code points", async () => {
  const { sets: all, join } = await joined;
  const nameless = all.map((set) => ({ ...set, hexcodes: new Map<string, string[]>() }));
  const blind = await readEmojiJoin(nameless);
  let compared = 0;
  let missed = 0;
  const different: string[] = [];
  for (const [i, set] of all.entries()) {
    for (const icon of set.icons) {
      const { emoji, method } = join(set, icon);
      if (method !== "code points") continue;
      compared++;
      const found = blind.join(nameless[i], icon).emoji;
      if (!found) missed++;
      else if (found.hexcode !== emoji?.hexcode) different.push(`${set.style}/${icon.name}`);
    }
  }
  assert.deepEqual([compared, missed], [14787, 159]);
  // Unicode's own name of "people with bunny ears" is in the singular; the package's code points overrule it.
  assert.deepEqual(different, ["fluent-emoji-flat/woman-with-bunny-ears"]);
});

test("a skin-tone variant shares its base's label, group, subgroup and keywords", async () => {
  const { sets: all, join, groups, subgroups } = await joined;
  const set = all[0];
  const emoji = (name: string) => {
    const icon = set.icons.find((candidate) => candidate.name === name);
    assert.ok(icon);
    return join(set, icon).emoji;
  };
  const base = emoji("waving-hand");
  const dark = emoji("waving-hand-dark");
  assert.deepEqual(dark, {
    ...base,
    hexcode: "1F44B-1F3FF",
    name: "waving hand: dark skin tone",
    skinTone: "dark",
  });
  assert.deepEqual([base?.group, base?.subgroup, base?.skinTone], ["people-body", "hand-fingers-open", null]);
  assert.ok(base?.keywords.includes("hello"));
  assert.deepEqual([groups.length, subgroups.length], [10, 101]);
});

test("every alias is of a picture that exists", async () => {
  const { sets: all } = await joined;
  for (const [style, aliases] of Object.entries(EMOJI_ALIASES)) {
    const set = all.find((candidate) => candidate.style === style);
    const known = new Set(set?.icons.flatMap(({ name }) => [name, ...(set.otherNames.get(name) ?? [])]));
    assert.deepEqual(
      Object.keys(aliases).filter((name) => !known.has(name)),
      [],
      style,
    );
  }
});

test("names and code points are compared in one spelling", () => {
  assert.equal(squash("São Tomé & Príncipe"), squash("sao-tome-and-principe"));
  assert.equal(squash("keycap: #"), squash("keycap-hash"));
  assert.equal(plainHexcode("0023-fe0f-20e3"), "23-20E3");
  assert.deepEqual(splitTone("man-medium-light-skin-tone"), { stem: "man", tone: "medium-light" });
  assert.deepEqual(splitTone("flashlight"), { stem: "flashlight", tone: null });
});
