/** Shown things are written as JSON.stringify writes them, quick way or not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Shown } from "./contract";
import { writeJson } from "./shown-json";

function check(shown: Shown, what: string): void {
  assert.equal(Buffer.from(writeJson(shown)).toString(), JSON.stringify(shown), what);
}

test("long texts, whatever character they have at whatever place of a word", () => {
  const characters = [...Array(0x80).keys()].map((code) => String.fromCharCode(code));
  for (const character of [...characters, "é", "\u2028", "\ud7ff", "\ue000", "🦊", "\ud83e", "\udd8a"]) {
    for (let places = 0; places < 4; places++) {
      const html = `${"x".repeat(20_000 + places)}${character}${"y".repeat(5)}`;
      check({ data: { "text/html": html, "text/plain": "short" }, metadata: {} }, JSON.stringify(character));
    }
  }
});

test("several long texts, values that are no texts, strange names, and nothing at all", () => {
  const [bare, other] = ["x".repeat(30_001), `${"y".repeat(20_000)}"`];
  check({ data: { a: bare, b: bare }, metadata: { width: 3 } }, "two bare ones");
  check({ data: { a: bare, b: other, 'c/"d': { n: [1, null, "é"] } }, metadata: { é: "\n" } }, "mixed");
  check({ data: {}, metadata: {} }, "nothing");
});
