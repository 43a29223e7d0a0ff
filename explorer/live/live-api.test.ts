/** The live requests over a real socket, the models behind them played by a stand-in that notes what reaches it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LiveModels } from "./live";
import { liveApi } from "./live-api";
import { type Api, type PageServer, servePage } from "./server";

const root = mkdtempSync(join(tmpdir(), "explorer-live-"));
const reached: string[] = [];
/** Lets the computing that waits go on. */
let release: (() => void) | undefined;
/** Told when a client has left. */
let gone: (() => void) | undefined;
let idle: () => Promise<unknown>;
let server: PageServer;

const standIn = {
  features: 10,
  upload: async (file: Uint8Array) => {
    reached.push(`upload ${file.length}`);
    return { id: "a" };
  },
  pick: async (picture: number) => {
    reached.push(`pick ${picture}`);
    return { id: "b" };
  },
  edit: async (id: string, factors: ReadonlyMap<number, number>) => {
    reached.push(`edit ${id} ${JSON.stringify([...factors])}`);
    return [1];
  },
  search: async (words: string) => {
    reached.push(`search ${words} begins`);
    if (words === "slow") await new Promise<void>((resolve) => (release = resolve));
    reached.push(`search ${words} ends`);
    return { text: words, features: [], similarities: [] };
  },
} as unknown as LiveModels;

before(async () => {
  writeFileSync(join(root, "index.html"), "<head></head>");
  const made = liveApi(standIn);
  idle = made.idle;
  const watched: Api = (request) => {
    request.signal.addEventListener("abort", () => gone?.());
    return made.api(request);
  };
  server = await servePage(root, { api: [watched] });
});
after(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const ask = (path: string, init?: RequestInit) => fetch(`${server.url}api/${path}`, init);
const post = async (path: string, body?: string | Uint8Array) => {
  const response = await ask(path, { method: "POST", body });
  return [response.status, await response.json()] as [number, Record<string, unknown>];
};

test("pictures, factors and words reach the models", async () => {
  reached.length = 0;
  assert.deepEqual(await post("picture", new Uint8Array(100_000)), [200, { id: "a" }]);
  assert.deepEqual(await post("picture?picture=4"), [200, { id: "b" }]);
  const factors = JSON.stringify({
    factors: [
      [2, 0],
      [9, 1.5],
    ],
  });
  assert.deepEqual(await post("edit?id=b", factors), [200, { probabilities: [1] }]);
  assert.equal((await ask("search?text=+red%20heart+")).status, 200);
  assert.deepEqual(reached, [
    "upload 100000",
    "pick 4",
    "edit b [[2,0],[9,1.5]]",
    "search red heart begins",
    "search red heart ends",
  ]);
});

test("what is out of bounds is refused before any model sees it", async () => {
  reached.length = 0;
  const [status, { error }] = await post("picture", new Uint8Array(16 * 2 ** 20 + 1));
  assert.deepEqual([status, error], [413, "picture: expected at most 16777216 bytes, got more"]);
  for (const body of [
    "no",
    "null",
    "{}",
    '{"factors": [3]}',
    '{"factors": [[10, 1]]}',
    '{"factors": [[1.5, 1]]}',
    '{"factors": [[1, -1]]}',
    '{"factors": [[1, 101]]}',
    '{"factors": [[1, null]]}',
    '{"factors": [["__proto__", 1]]}',
  ]) {
    const [refused, told] = await post("edit?id=b", body);
    assert.equal(refused, 400, body);
    assert.match(String(told.error), /^edit: expected \{"factors": .* got /);
  }
  assert.equal((await post("edit?id=b", "x".repeat(70_000)))[0], 413);
  assert.equal((await ask("search?text=")).status, 400);
  assert.equal((await ask(`search?text=${"x".repeat(201)}`)).status, 400);
  assert.equal((await ask("search?text=x", { method: "POST" })).status, 404);
  assert.deepEqual(reached, []);
});

test("one thing is computed at a time, what nobody waits for is left out, and too many in line are refused", async () => {
  reached.length = 0;
  const slow = ask("search?text=slow");
  while (reached.length === 0) await new Promise(setImmediate);
  const leave = new AbortController();
  const left = ask("search?text=left", { signal: leave.signal }).catch(() => "gone");
  const lines = Array.from({ length: 12 }, (_, i) => ask(`search?text=${i}`));
  // Those that find no place are answered at once; then all others are in line.
  const refused = await Promise.any(
    lines.map(async (line) => {
      const { status } = await line;
      if (status !== 503) throw new Error(`${status}`);
      return status;
    }),
  );
  assert.equal(refused, 503);
  const noticed = new Promise<void>((resolve) => {
    gone = resolve;
  });
  leave.abort();
  await noticed;
  assert.equal(await left, "gone");
  release?.();
  assert.equal((await slow).status, 200);
  const statuses = (await Promise.all(lines)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length, reached.length / 2 - 1);
  assert.ok(!reached.some((line) => line.includes("left")));
  reached.forEach((line, i) => {
    assert.ok(line.endsWith(i % 2 === 0 ? "begins" : "ends"), "never two at once");
  });
});

test("idle waits for what is computed, so that models are not freed under it", async () => {
  reached.length = 0;
  const slow = ask("search?text=slow");
  while (reached.length === 0) await new Promise(setImmediate);
  let isIdle = false;
  const idling = idle().then(() => {
    isIdle = true;
  });
  await new Promise(setImmediate);
  assert.equal(isIdle, false);
  release?.();
  await idling;
  assert.equal((await slow).status, 200);
});
