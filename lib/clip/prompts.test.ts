import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { expectNoLeak } from "../tensor";
import { classEmbeddings, fillTemplates, loadClip } from ".";

test("an ensemble is the normed mean of its templates, computed once for a model, names and templates", async () => {
  const dir = await mkdtemp(join(tmpdir(), "vitrine-classes-"));
  const clip = await loadClip("emoji-clip");
  const templates = ["an emoji of {}", "{}"];
  const names = ["cat face", "red heart", "fire"];
  try {
    await expectNoLeak(async () => {
      const classes = await classEmbeddings(clip, names, { templates, dir });
      const got = classes.dataSync();
      const [width] = classes.shape.slice(-1);
      for (const [row, name] of names.entries()) {
        const texts = await clip.embedTexts(templates.map((template) => template.replace("{}", name)));
        const each = texts.dataSync();
        const mean = Array.from({ length: width }, (_, i) => (each[i] + each[width + i]) / 2);
        const norm = Math.hypot(...mean);
        for (let i = 0; i < width; i++) assert.ok(Math.abs(got[row * width + i] - mean[i] / norm) < 1e-5);
        texts.dispose();
      }
      const embed = clip.embedTexts;
      clip.embedTexts = () => Promise.reject(new Error("is not computed again"));
      const again = await classEmbeddings(clip, names, { templates, dir });
      assert.deepEqual(again.dataSync(), got);
      await assert.rejects(classEmbeddings(clip, names, { templates: ["{}"], dir }), /is not computed again/);
      clip.embedTexts = embed;
      classes.dispose();
      again.dispose();
    });
    assert.equal((await readdir(dir)).length, 1);
    assert.deepEqual(fillTemplates(["a"], ["{} and {}"]), [["a and a"]]);
    assert.throws(
      () => fillTemplates(["a"], ["no place"]),
      /expected templates with \{\} in them, got "no place"/,
    );
  } finally {
    clip.dispose();
    await rm(dir, { recursive: true, force: true });
  }
});
