/** Completion inside of strings, on folders made for it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import ts from "typescript";
import { completeModule, completePathIn } from "./string-completion";

let folder: string;

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vitrine-paths-"));
  const files: Record<string, string> = {
    "notebook/data.csv": "",
    "notebook/.hidden": "",
    "notebook/model.ts": "",
    "notebook/types.d.ts": "",
    "notebook/own.mjs": "",
    "notebook/numbers.json": "",
    "notebook/pictures/a cat.png": "",
    "lib/index.ts": "",
    "node_modules/open/package.json": "{}",
    "node_modules/open/part.js": "",
    "node_modules/@scope/closed/package.json":
      '{"exports": {".": "./i.js", "./deep/one": "./1.js", "./deep/two": "./2.js", "./*": "./x/*"}}',
    "node_modules/@types/hidden/package.json": "{}",
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
});
after(() => rmSync(folder, { recursive: true }));

/** `|` is the cursor. */
function complete(marked: string) {
  const offset = marked.indexOf("|");
  const text = marked.replace("|", "");
  const file = ts.createSourceFile("cell.ts", text, ts.ScriptTarget.Latest, true);
  const notebook = path.join(folder, "notebook");
  const found = completeModule(file, offset, [notebook]) ?? completePathIn(file, offset, notebook);
  return found && [text.slice(found.start, found.end), ...found.matches.map((match) => match.text)];
}

test("files go on from the notebook's folder; hidden ones only after a dot", () => {
  assert.deepEqual(complete('read("|")'), [
    "",
    "data.csv",
    "model.ts",
    "numbers.json",
    "own.mjs",
    "pictures/",
    "types.d.ts",
  ]);
  assert.deepEqual(complete("read('pictures/a|"), ["a", "a cat.png"]);
  assert.deepEqual(complete("read(`../lib/|`)"), ["", "index.ts"]);
  assert.deepEqual(complete('read(".h|")'), [".h", ".hidden"]);
  assert.deepEqual(complete(`read("${"X"}|")`), ["X"]);
});

test("modules are named as an import names them", () => {
  assert.deepEqual(complete('import { a } from "./|"'), [
    "",
    "model",
    "numbers.json",
    "own.mjs",
    "pictures/",
    "types",
  ]);
  assert.deepEqual(complete('import "../lib/i|"'), ["i", "index"]);
  assert.deepEqual(complete('const a = require("..|")'), ["..", "../"]);
  assert.deepEqual(complete('import("op|")'), ["op", "open"]);
  assert.deepEqual(complete('type A = import("ope|").B'), ["ope", "open"]);
  assert.deepEqual(complete('export * from "node:fs/|"'), ["node:fs/", "node:fs/promises"]);
});

test("packages are found by scope and name, and go on with what they export, or else with their files", () => {
  assert.deepEqual(complete('import "@sc|"'), ["@sc", "@scope/closed"]);
  assert.deepEqual(complete('import "@types|"'), ["@types"]);
  assert.deepEqual(complete('import "@scope/closed/|"'), ["", "deep/"]);
  assert.deepEqual(complete('import "@scope/closed/deep/t|"'), ["t", "two"]);
  assert.deepEqual(complete('import "open/|"'), ["", "package.json", "part"]);
});

test("outside of strings nothing is offered", () => {
  for (const code of ['|"a"', '"a"|', "a|", "// '|'", ["`$", "{a|}`"].join("")])
    assert.equal(complete(code), undefined, code);
});
