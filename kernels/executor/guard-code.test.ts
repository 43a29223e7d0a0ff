/** The guard in a module's JavaScript: what the code does stays the same, and an interrupt gets through it. */
import assert from "node:assert/strict";
import { SourceMap } from "node:module";
import { test } from "node:test";
import vm from "node:vm";
import { transformSync } from "esbuild";
import { guardSymbol } from "./guard";
import { guardCode } from "./guard-code";
import { exportedFile } from "./package-exports";

class Interrupt extends Error {}

/** Runs guarded code in a context whose guard interrupts at its `limit`-th call; returns what the code did. */
async function run(code: string, limit = Number.POSITIVE_INFINITY): Promise<string[]> {
  const did: string[] = [];
  let calls = 0;
  const check = () => {
    calls += 1;
    if (calls >= limit) throw new Interrupt();
  };
  const pass = (value: unknown) => value;
  const checked = (value: unknown) => {
    check();
    return value;
  };
  const caught = (error: unknown) => {
    if (error instanceof Interrupt) throw error;
  };
  // What is not waited for any more may be rejected.
  const wait = (value: unknown) => {
    Promise.resolve(value).catch(() => {});
    return checked(value);
  };
  const guard = { wait, each: pass, live: checked, finish: pass, caught, check };
  const names: Record<string | symbol, unknown> = { did: (what: string) => did.push(what) };
  names[guardSymbol] = guard;
  const context = vm.createContext(names as vm.Context);
  const main = vm.runInContext(`${guardCode(code)}; main`, context) as () => Promise<unknown>;
  await main().catch((error) => did.push(error instanceof Interrupt ? "interrupted" : String(error)));
  return did;
}

const code = `"use strict";
async function* count() { for (let i = 0; i < 3; i++) yield await i; }
async function main() {
  try {
    did(String((await (1, 2)) + await (await Promise.resolve(async () => 3))()));
    for await (const i of count()) if (i === 1) did("one");
    for await(const i of(0,count)())if(i===2)did("two");
    for await (const i of count()) { did(\`\${await i}\${await i}\`); }
    try { await Promise.reject({ reason: "no" }); } catch ({ reason }) { did(reason); }
    try { await Promise.reject(1); } catch { did("plain"); }
  } catch (error) {
    did("caught");
  } finally {
    await (async () => { try { await 1; did("inner"); } catch (e) { did("swallowed"); } })();
    did("finally");
  }
}`;

test("guarded code does what it did before", async () => {
  assert.deepEqual(await run(code), ["5", "one", "two", "00", "11", "22", "no", "plain", "inner", "finally"]);
});

test("wherever the interrupt comes, no catch takes it, and the finally block ends or is interrupted itself", async () => {
  for (let limit = 1; limit < 60; limit += 1) {
    const did = await run(code, limit);
    assert.ok(!did.includes("caught") && !did.includes("swallowed"), `${limit}: ${did}`);
    assert.ok(["interrupted", "finally"].includes(did.at(-1) ?? ""), `${limit}: ${did}`);
  }
});

test("a catch that throws again in any case cleans up after an interrupt too", async () => {
  const cleans = "async function main() { try { await 1; } catch (e) { await 2; did('cleaned'); throw e; } }";
  assert.deepEqual(await run(cleans, 1), ["cleaned", "interrupted"]);
});

test("the source map leads from the guarded code to the same places as before", () => {
  const source = `export async function f(g: () => Promise<number>) {
  try { return [await g(), await g()].map((x: number) => x + 1); } catch { return marker(); }
}
declare function marker(): number[];`;
  const { code: plain } = transformSync(source, { loader: "ts", format: "cjs", sourcemap: "inline" });
  const find = (text: string, word: string, nth: number) => {
    const map = JSON.parse(Buffer.from(text.split("base64,")[1], "base64").toString());
    const places = text.split("\n").flatMap((line, number) => {
      return [...line.matchAll(word === "g" ? /\bg\(\)/g : /marker\(\)|\+ 1/g)].map(({ index }) => ({
        number,
        index,
      }));
    });
    const { number, index } = places[nth];
    const entry = new SourceMap(map).findEntry(number, index ?? 0);
    assert.ok("originalLine" in entry);
    return [entry.originalLine, entry.originalColumn];
  };
  const guarded = guardCode(plain);
  assert.notEqual(guarded, plain);
  for (const [word, nth] of [
    ["g", 0],
    ["g", 1],
    ["marker", 0],
    ["marker", 1],
  ] as const) {
    assert.deepEqual(find(guarded, word, nth), find(plain, word, nth), `${word} ${nth}`);
  }
});

test("a package's exports lead to the files that import would load", () => {
  const exports = {
    ".": [{ require: "./no.cjs", import: { node: "./node.mjs", default: "./default.mjs" } }],
    "./a/*": { types: "./a/*.d.ts", import: "./out/*.js" },
    "./a/b/*.js": "./special/*.mjs",
    "./closed/*": null,
  };
  const expected = {
    ".": "./node.mjs",
    "./a/x/y": "./out/x/y.js",
    "./a/b/c.js": "./special/c.mjs",
    "./closed/x": undefined,
    "./other": undefined,
  };
  for (const [subpath, file] of Object.entries(expected)) assert.equal(exportedFile(exports, subpath), file);
  assert.equal(exportedFile("./main.js", "."), "./main.js");
  assert.equal(exportedFile({ require: "./only.cjs" }, "."), undefined);
});
