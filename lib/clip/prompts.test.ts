import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { expectNoLeak, tf } from "../tensor";
import { classEmbeddings, fillTemplates, IMAGENET_TEMPLATES, loadClip, SEVEN_TEMPLATES } from ".";

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

test("OpenAI's 80 templates, of which seven are its small ensemble; many classes are embedded a part at a time", async () => {
  assert.equal(new Set(IMAGENET_TEMPLATES).size, 80);
  assert.ok(IMAGENET_TEMPLATES.every((template) => template.split("{}").length === 2));
  assert.ok(SEVEN_TEMPLATES.every((template) => IMAGENET_TEMPLATES.includes(template)));
  const clip = await loadClip("emoji-clip");
  const names = ["cat", "dog", "cost: $& and $1", ...Array.from({ length: 10 }, (_, i) => `thing ${i}`)];
  const told: number[] = [];
  const options = { templates: IMAGENET_TEMPLATES, dir: null };
  await expectNoLeak(async () => {
    const all = await classEmbeddings(clip, names, { ...options, onProgress: (done) => told.push(done) });
    assert.deepEqual(told, [12, 13]);
    for (const i of [2, 12]) {
      const alone = await classEmbeddings(clip, [names[i]], options);
      const off = tf.tidy(() => all.slice([i, 0], [1, -1]).sub(alone).abs().max().dataSync()[0]);
      assert.ok(off < 1e-5, `${names[i]} is off by ${off}`);
      alone.dispose();
    }
    all.dispose();
  });
  clip.dispose();
  assert.deepEqual(fillTemplates(["$&"], ["a {}"]), [["a $&"]]);
});
