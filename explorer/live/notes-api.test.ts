import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { notesApi } from "./notes-api";
import { type PageServer, servePage } from "./server";

const root = mkdtempSync(join(tmpdir(), "explorer-notes-"));
let server: PageServer;

before(async () => {
  writeFileSync(join(root, "index.html"), "<head></head>");
  server = await servePage(root, { api: [notesApi(root, { title: "sae", features: 10 })] });
});
after(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const post = async (body: string) => {
  const response = await fetch(`${server.url}api/notes`, { method: "POST", body });
  return { status: response.status, answer: (await response.json()) as { error?: string; saved?: number } };
};

test("notes are saved beside the page and read back", async () => {
  const start = await (await fetch(`${server.url}api/notes`)).json();
  assert.deepEqual(start, { format: "vitrine-notes", version: 1, title: "sae", features: {} });
  const notes = { ...start, features: { 3: { description: "red", note: "<b>" } } };
  assert.deepEqual(await post(JSON.stringify(notes)), { status: 200, answer: { saved: 1 } });
  assert.deepEqual(JSON.parse(readFileSync(join(root, "notes.json"), "utf8")), notes);
  assert.deepEqual(await (await fetch(`${server.url}api/notes`)).json(), notes);
});

test("what are no notes is refused and nothing is written", async () => {
  rmSync(join(root, "notes.json"), { force: true });
  const given = { format: "vitrine-notes", version: 1, title: "sae", features: {} };
  for (const [body, got] of [
    ["no", "other text"],
    ["null", "another kind of file"],
    [JSON.stringify({ ...given, version: 2 }), "version 2"],
    [JSON.stringify({ ...given, features: { 10: {} } }), 'a feature "10"'],
    [JSON.stringify({ ...given, features: { __proto__x: {} } }), 'a feature "__proto__x"'],
    [JSON.stringify({ ...given, features: { 1: { note: 5 } } }), "a note of feature 1"],
    [
      JSON.stringify({ ...given, features: { 1: { description: "x".repeat(201) } } }),
      "a description of feature 1",
    ],
  ]) {
    const { status, answer } = await post(body);
    assert.equal(status, 400, body);
    assert.ok(answer.error?.startsWith("notes: expected ") && answer.error.includes(got), answer.error);
  }
  assert.ok(!existsSync(join(root, "notes.json")));
});
