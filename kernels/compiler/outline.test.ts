/** What the type checker is given of a module. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { outline } from "./outline";

const lines = (...text: string[]) => text.join("\n");

test("bodies of functions whose type is written down become spaces, in their place", () => {
  const text = lines(
    "export function scale(x: number): number {",
    "  const text = '{ 😀'; /* } */",
    "  return x * 2;",
    "}",
    "export const after: string = 'kept';",
  );
  const expected = lines(
    "export function scale(x: number): number {",
    `${" ".repeat("  const text = '{ 😀'; /* } */".length)}`,
    `${" ".repeat("  return x * 2;".length)}`,
    "}",
    "export const after: string = 'kept';",
  );
  assert.equal(outline("scale.ts", text), expected);
});

test("methods, accessors, function expressions and what is inside of other values", () => {
  const text = lines(
    "class A {",
    "  get size(): number { return 1 }",
    "  set size(value) { this.x = value }",
    "  async *walk(): AsyncGenerator<number> { yield 1 }",
    "}",
    "const table = { go(): void { f() }, then: (): number => { return 2 } };",
  );
  const outlined = outline("a.ts", text);
  assert.equal(outlined.length, text.length);
  assert.equal(
    outlined.replace(/ +/g, " "),
    lines(
      "class A {",
      " get size(): number { }",
      " set size(value) { }",
      " async *walk(): AsyncGenerator<number> { }",
      "}",
      "const table = { go(): void { }, then: (): number => { } };",
    ),
  );
});

test("what tells a type is left: bodies without a written type, constructors, fields, texts with errors", () => {
  for (const text of [
    "export function guess() { return 1 }",
    "export const f = (x: number) => { return x };",
    "class A { n; constructor(n: number) { this.n = n } }",
    "class B { f = (): number => 1; static { f() } }",
    "export function broken(): number { return (1 }",
  ]) {
    assert.equal(outline("a.ts", text), text);
  }
});
