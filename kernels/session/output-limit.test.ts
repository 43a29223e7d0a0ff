/** What a cell may print, and what is shown of the rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OutputLimit } from "./output-limit";

const limits = { headLength: 20, headLines: 5, tailLength: 10 };
const out = (text: string) => ({ name: "stdout" as const, text });

test("what is within the limits is shown whole", () => {
  const limit = new OutputLimit(limits);
  assert.equal(limit.admit(out("1\n2\n3\n4\n5\n")), "1\n2\n3\n4\n5\n");
  assert.deepEqual([limit.isHolding, limit.release()], [false, []]);
});

test("the head ends with a whole line, after so many lines or characters", () => {
  assert.equal(new OutputLimit(limits).admit(out("1\n2\n3\n4\n5\n6\n7\n")), "1\n2\n3\n4\n5\n");
  assert.equal(new OutputLimit(limits).admit(out("0123456789\n0123456789\n")), "0123456789\n");
});

test("head, what is left out and tail are together what was printed", () => {
  const limit = new OutputLimit(limits);
  const printed = Array.from({ length: 1_000 }, (_, i) => `${i}\n`);
  const head = printed.map((text) => limit.admit(out(text))).join("");
  const [note, ...tail] = limit.release();
  const shownTail = tail.map(({ text }) => text).join("");
  assert.equal(head, "0\n1\n2\n3\n4\n");
  assert.equal(shownTail, "998\n999\n");
  const whole = printed.join("");
  const characters = whole.length - head.length - shownTail.length;
  const told = `993 lines (${characters.toLocaleString("en")} characters) not shown; do: `;
  assert.ok(note.text.includes(told), note.text);
  assert.ok(whole.startsWith(head) && whole.endsWith(shownTail));
});

test("a little too much is shown later, without a note, in its streams", () => {
  const limit = new OutputLimit(limits);
  limit.admit(out("1\n2\n3\n4\n5\n6\n"));
  limit.admit({ name: "stderr", text: "7\n" });
  assert.deepEqual(limit.release(), [out("6\n"), { name: "stderr", text: "7\n" }]);
});

test("a line without end is cut between characters", () => {
  const limit = new OutputLimit({ ...limits, headLength: 4 });
  assert.equal(limit.admit(out(`abc${"🦊".repeat(20)}`)), "abc");
  const [note, tail] = limit.release();
  assert.ok(note.text.includes("0 lines (30 characters)"), note.text);
  assert.equal(tail.text, "🦊".repeat(5));
});

test("once the head is full everything later is held, also after a release", () => {
  const limit = new OutputLimit(limits);
  limit.admit(out("1\n2\n3\n4\n5\n6\n"));
  limit.release();
  assert.equal(limit.admit(out("7\n")), "");
  assert.deepEqual(limit.release(), [out("7\n")]);
});
