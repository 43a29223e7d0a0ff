import assert from "node:assert/strict";
import { test } from "node:test";
import type { DatasetRecord } from "../../lib/datasets";
import { pictureWords } from "./descriptions";

test("a picture's words are its caption, the longer words of it, labels and keywords, but no stop words alone", () => {
  const records: (Omit<DatasetRecord, "id"> & { keywords?: string[] })[] = [
    { caption: "The Cat with the hat of a Wizard", labels: { class: "cat_face", style: "flat", none: null } },
    { caption: "On", labels: {}, keywords: ["up", "no entry", "矢印"] },
  ];
  const record = (row: number) => ({ id: `${row}`, ...records[row] });
  assert.deepEqual(pictureWords({ record }, 0), [
    "the cat with the hat of a wizard",
    "cat",
    "hat",
    "wizard",
    "cat face",
  ]);
  assert.deepEqual(pictureWords({ record }, 1), ["no entry", "矢印"]);
});
