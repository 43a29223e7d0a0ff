/** First lines that are no TypeScript: what they are taken for, and that everything else keeps its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { magicNames, readCell, typescriptOf } from "./cell-text";

test("TypeScript is left as it is, with ! and % in it", () => {
  for (const source of ["", "a % b", "x;\n!y", "const a = 1\n%timeit a", "/* ! */ !x"])
    assert.deepEqual(readCell(source), { magic: undefined, code: source });
});

test("a command ends with its line, or goes on after a backslash; the code below keeps its lines", () => {
  assert.deepEqual(readCell("!npm i x"), { magic: { kind: "shell", command: "npm i x" }, code: "        " });
  const { magic, code } = readCell("\n !echo a \\\n  b\nf()");
  assert.deepEqual(magic, { kind: "shell", command: "echo a    b" });
  assert.equal(code, "\n         \n   \nf()".replace("         ", " ".repeat(10)));
});

test("a statement to be measured keeps its column, and what is below its line", () => {
  const { magic, code } = readCell("%timeit -n 10 -r2 f(1)\ng()");
  assert.deepEqual(magic, {
    kind: "measure",
    timing: { kind: "timeit", loops: 10, repeats: 2 },
    code: "                  f(1)",
  });
  assert.equal(code, "                      \ng()");
  const whole = readCell("%%time\nf()");
  assert.deepEqual(whole, {
    magic: { kind: "measure", timing: { kind: "time" }, code: "      \nf()" },
    code: "",
  });
});

test("what is shown is the text below, as it is", () => {
  const html = readCell("%%html\n<b>\n</b>\n");
  assert.deepEqual(html, { magic: { kind: "show", mime: "text/html", text: "<b>\n</b>\n" }, code: "" });
});

test("an unknown magic names those that there are; a known one says what it expected", () => {
  assert.deepEqual(readCell("%tiem f()").magic, {
    kind: "unknown",
    expected: magicNames.join(", "),
    got: "%tiem",
  });
  assert.equal(readCell("%timeit").magic?.kind, "unknown");
  assert.equal(readCell("%%timeit -n 3 f()\ng()").magic?.kind, "unknown");
  assert.equal(readCell("%toString").magic?.kind, "unknown");
});

test("for help, all TypeScript stands in its place", () => {
  assert.equal(typescriptOf("%timeit f(🦊)\ng()"), "        f(🦊)\ng()");
  assert.equal(typescriptOf("!ls 🦊\ng()"), "      \ng()");
  assert.equal(typescriptOf("%%time\ng()"), "      \ng()");
  assert.equal(typescriptOf("%%html\n<b>"), "      \n   ");
});
