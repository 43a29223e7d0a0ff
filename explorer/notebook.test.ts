/** `explore` outside of JupyterLab: which folder, which server, and what is left when nobody looks (cli/inline-explorer.test.ts has the rest). */
import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DISPLAY } from "../lib/notebook";
import { installCommHook, type Json } from "../lib/notebook/widgets/comms";
import { explore } from "./notebook";
import { smallStudy } from "./studies/small-study";

/** The addresses that were put into frames. */
function watchFrames(): { urls: string[]; restore: () => void } {
  const urls: string[] = [];
  const silent = { send: () => {}, close: () => {}, onMessage: () => {}, onClose: () => {} };
  const restore = installCommHook({
    open: (target, { state }, { id = "" } = {}) => {
      const url = /src="([^"]+)"/.exec(String((state as Json).value))?.[1];
      if (url) urls.push(url);
      return { ...silent, id, target };
    },
    register: () => {},
  });
  return { urls, restore };
}

test("a page is built once and kept, and a study has one server", async (t) => {
  const study = await smallStudy(60);
  t.after(() => study.dispose());
  const { urls, restore } = watchFrames();
  t.after(restore);
  const first = await explore(study);
  t.after(() => rmSync(first.folder, { recursive: true, force: true }));
  await first[DISPLAY]();
  assert.equal((await fetch(urls[0])).status, 200);
  const manifest = join(first.folder, "data", "manifest.js");
  const { mtimeMs } = statSync(manifest);

  const second = await explore(study);
  t.after(() => second.close());
  await second[DISPLAY]();
  assert.equal(second.folder, first.folder);
  assert.equal(statSync(manifest).mtimeMs, mtimeMs, "nothing is built again");
  await assert.rejects(fetch(urls[0]), "the first server has ended");
  assert.equal((await fetch(urls[1])).status, 200);
  assert.match((await fetch(urls[1])).headers.get("content-security-policy") ?? "", /frame-ancestors/);

  const other = await explore(study, { title: "another" });
  t.after(() => rmSync(other.folder, { recursive: true, force: true }));
  assert.notEqual(other.folder, first.folder);
  assert.equal((await fetch(urls[1])).status, 200, "another page has a server of its own");
  await other.close();
  await second.close();
  await assert.rejects(fetch(urls[1]));
});

test("in a notebook that is executed from start to end nothing is opened: there is a sentence", async (t) => {
  process.env.VITRINE_EXECUTES = "1";
  t.after(() => delete process.env.VITRINE_EXECUTES);
  const { urls, restore } = watchFrames();
  t.after(restore);
  const shown = await explore("no such SAE");
  const bundle = await shown[DISPLAY]();
  assert.deepEqual(Object.keys(bundle), ["text/html", "text/plain"]);
  assert.match(String(bundle["text/plain"]), /run this cell, or npx vitrine explore no such SAE --serve$/);
  assert.deepEqual(urls, []);
});
