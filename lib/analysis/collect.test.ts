import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Dataset } from "../datasets";
import { collectClassTokens } from ".";
import { pictures, tinyClip } from "./fixtures/tiny-world";

/** The pictures, counting how many are asked for. */
function pictureSet() {
  const counter = { read: 0 };
  const dataset: Dataset = {
    ...pictures,
    pictures: (indices) => {
      counter.read += indices.length;
      return pictures.pictures(indices);
    },
  };
  return { dataset, counter };
}

test("activations are computed once: the second time no picture is read, another hook point is another cache", async () => {
  const dir = await mkdtemp(join(tmpdir(), "vitrine-collect-"));
  const clip = tinyClip();
  const { dataset, counter } = pictureSet();
  const options = { clip, dataset, hookPoint: "blocks.0.hook_resid_post", views: 2, seed: 3, dir };
  try {
    const first = await collectClassTokens(options);
    assert.deepEqual([first.rows, first.width, counter.read], [14, 16, 14]);
    const second = await collectClassTokens(options);
    assert.deepEqual(await second.toArray(), await first.toArray());
    assert.equal(counter.read, 14);

    const plain = await collectClassTokens({ ...options, views: 1 });
    const all = await first.toArray();
    assert.deepEqual(
      await plain.toArray(),
      all.slice(0, 7 * 16),
      "the first view is the pictures as they are",
    );
    const later = await collectClassTokens({ ...options, hookPoint: "blocks.1.hook_resid_post" });
    assert.notDeepEqual(await later.toArray(), all);
    assert.equal(counter.read, 14 + 7 + 14);
  } finally {
    clip.dispose();
    await rm(dir, { recursive: true, force: true });
  }
});
