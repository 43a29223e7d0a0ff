import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SPLIT, type SplitPicture, splitPictures } from "./emoji-split";

const STYLES = ["a", "b", "c", "d"];

/** A base emoji's picture; its pixels are its own unless told otherwise. */
function picture(style: string, baseName: string, extra: Partial<SplitPicture> = {}): SplitPicture {
  const own = `${style}/${baseName}/${JSON.stringify(extra)}`;
  return { style, baseName, isBase: true, isCanonical: true, isBlank: false, pixelHash: own, ...extra };
}

/** 200 names in four styles, each style also with a dark skin tone of each name. */
function manyPictures(): SplitPicture[] {
  return STYLES.flatMap((style) =>
    Array.from({ length: 200 }, (_, i) => [
      picture(style, `name ${i}`),
      picture(style, `name ${i}`, { isBase: false, isCanonical: false }),
    ]).flat(),
  );
}

const everyClass = { ...DEFAULT_SPLIT, heldOutShare: 1 };

test("about the stated share of the classes gives one picture each, spread over the styles", () => {
  const pictures = manyPictures();
  const { splits, classNames } = splitPictures(pictures);
  const heldOut = pictures.filter((_, i) => splits[i] === "heldOut");
  assert.equal(classNames.length, 200);
  assert.ok(Math.abs(heldOut.length - 120) < 25, `${heldOut.length} held out`);
  assert.equal(new Set(heldOut.map((p) => p.baseName)).size, heldOut.length);
  for (const style of STYLES) {
    const share = heldOut.filter((p) => p.style === style).length / heldOut.length;
    assert.ok(share > 0.1 && share < 0.4, `${style} has ${share} of the held-out pictures`);
  }
});

test("the same seed gives the same split, whatever the order of the pictures; another seed another", () => {
  const pictures = manyPictures();
  const key = (p: SplitPicture) => `${p.style}/${p.baseName}/${p.isBase}`;
  const chosen = (list: SplitPicture[], seed: number) => {
    const { splits } = splitPictures(list, { ...DEFAULT_SPLIT, seed });
    return list.map((p, i) => `${key(p)}: ${splits[i]}`).sort();
  };
  assert.deepEqual(chosen(pictures, 42), chosen([...pictures].reverse(), 42));
  assert.notDeepEqual(chosen(pictures, 42), chosen(pictures, 43));
});

test("skin tones and second drawings of a held-out picture's style are excluded, those of other styles stay", () => {
  const pictures = STYLES.flatMap((style) => [
    picture(style, "hand"),
    picture(style, "hand", { isBase: false, isCanonical: false }),
    picture(style, "hand", { isCanonical: false }),
  ]);
  const { splits } = splitPictures(pictures, everyClass);
  const held = pictures[splits.indexOf("heldOut")];
  assert.equal(held.isCanonical, true);
  pictures.forEach((p, i) => {
    if (p !== held) assert.equal(splits[i], p.style === held.style ? "excluded" : "train");
  });
});

test("exact copies of a held-out picture leave the training set, whatever they are called", () => {
  const pictures = [
    ...STYLES.map((style) => picture(style, "norway", { pixelHash: `flag in ${style}` })),
    ...STYLES.map((style) => picture(style, "bouvet island", { pixelHash: `flag in ${style}` })),
    ...STYLES.map((style) =>
      picture(style, "no emoji", { baseName: null, isBase: false, pixelHash: `flag in ${style}` }),
    ),
  ];
  const { splits, excludedCopies } = splitPictures(pictures, everyClass);
  const heldOut = new Set(pictures.filter((_, i) => splits[i] === "heldOut").map((p) => p.pixelHash));
  assert.equal(heldOut.size, 2);
  assert.ok(!pictures.some((p, i) => splits[i] === "train" && heldOut.has(p.pixelHash)));
  assert.equal(excludedCopies, 4);
});

test("a name keeps two other styles in training, or gives no picture", () => {
  const inStyles = (name: string, styles: string[]) => styles.map((style) => picture(style, name));
  const pictures = [
    ...inStyles("three", ["a", "b", "c"]),
    ...inStyles("two", ["a", "b"]),
    // One drawing in three styles: wherever it were held out, its copies would have to go too.
    ...["a", "b", "c"].map((style) => picture(style, "copied", { pixelHash: "same" })),
  ];
  const { splits, classNames, refused } = splitPictures(pictures, everyClass);
  assert.deepEqual(classNames, ["copied", "three"]);
  assert.deepEqual(refused, ["copied"]);
  const heldOut = pictures.filter((_, i) => splits[i] === "heldOut");
  assert.deepEqual(
    heldOut.map((p) => p.baseName),
    ["three"],
  );
});

test("a blank picture is never held out", () => {
  const pictures = ["a", "b", "c"].map((style) => picture(style, "digit", { isBlank: true }));
  const { splits, refused } = splitPictures(pictures, everyClass);
  assert.deepEqual([splits.includes("heldOut"), refused], [false, ["digit"]]);
});
