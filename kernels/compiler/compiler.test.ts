/** Cells through the compiler alone: what is refused, what is emitted, what later cells see. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { Compiler } from "./compiler";
import { completenessOf } from "./completeness";

const root = path.resolve(__dirname, "../..");
let compiler: Compiler;

before(() => {
  compiler = new Compiler({ root, notebookDir: path.join(root, "notebooks") });
});

/** Compiles a cell that must pass, and makes its names visible as after a run that reached them all. */
function accept(source: string, ...names: string[]): string {
  const result = compiler.compile(source);
  assert.ok(result.ok, JSON.stringify(result));
  compiler.commit(result.cell.id, names);
  return result.cell.code.replace(/\/\/# sourceMappingURL.*/, "");
}

function refuse(source: string) {
  const result = compiler.compile(source);
  assert.ok(!result.ok, `accepted: ${source}`);
  return result.problems;
}

test("a type error has its code, line, column and length in the person's own text", () => {
  const [problem, ...others] = refuse("// first line\nconst count: number = 'three';");
  assert.deepEqual(others, []);
  assert.deepEqual(
    [problem.kind, problem.code, problem.line, problem.column, problem.length],
    ["type", 2322, 2, 7, 5],
  );
});

test("columns on the first line are right although the compiler writes in front of it", () => {
  accept("const earlier = 1;", "earlier");
  const [{ line, column }] = refuse("earlier.toUpperCase()");
  assert.deepEqual([line, column], [1, 9]);
});

test("a syntax error is told as such, without type errors beside it", () => {
  const problems = refuse("const a: number = 'x';\nfoo((");
  assert.deepEqual([...new Set(problems.map(({ kind }) => kind))], ["syntax"]);
});

test("names of earlier cells become reads and writes of the scope", () => {
  accept("let step = 1;\nconst rate = 2;", "step", "rate");
  const code = accept("step += rate;\n({ rate });");
  assert.match(code, /scope_1\.step \+= vitrine_scope_1\.rate/);
  assert.match(code, /\{ rate: vitrine_scope_1\.rate \}/);
});

test("types, generics, classes and enums of earlier cells are known with their full types", () => {
  accept(
    "interface Pair<A> { left: A; right: A }\nenum Mode { Fast }\nclass Box<T> { constructor(readonly value: T) {} }",
    "Mode",
    "Box",
  );
  accept("const pair: Pair<number> = { left: 1, right: Mode.Fast };\nnew Box('x').value.length;", "pair");
  assert.match(
    refuse("const wrong: Pair<string> = { left: 1, right: 'x' };")[0].message,
    /'number' is not assignable/,
  );
});

test("a constant keeps widening when a later cell copies it into a variable", () => {
  accept("const limit = 10;", "limit");
  accept("let left = limit;\nleft -= 1;", "left");
});

test("assigning to a constant of an earlier cell is refused in words that fit a notebook", () => {
  accept("const fixed = 10;", "fixed");
  assert.match(refuse("fixed = 11")[0].message, /constant of an earlier cell/);
});

test("a name that the run did not reach is not visible to later cells", () => {
  accept("const one = 1;\nconst two = 2;", "one");
  accept("one");
  assert.match(refuse("two")[0].message, /Cannot find name 'two'/);
});

test("eighty cells that each need the one before live at once", () => {
  for (let i = 0; i < 80; i += 1)
    accept(`const many${i} = ${i === 0 ? "0" : `many${i - 1} + 1`};`, `many${i}`);
  assert.match(refuse("many0.length + many79.length")[0].message, /does not exist on type/);
});

test("the last expression is returned, an object literal too, and a declaration is not", () => {
  assert.match(accept("1 + 1"), /return \[1 \+ 1\]/);
  assert.match(accept("{ a: 1 }"), /return \[\(\{ a: 1 \}\)\]/);
  assert.doesNotMatch(accept("const last = 1;", "last"), /return/);
});

test("awaits are guarded in the cell and in its functions", () => {
  const code = accept("await null;\nconst wait = async () => { await null; };", "wait");
  assert.equal(code.match(/__cell\.guard\.live\(await __cell\.guard\.wait\(null\)\)/g)?.length, 2);
});

test("relative imports are resolved from the notebook's folder and typed", () => {
  accept('import { Random } from "../lib/tensor";\nconst random = new Random(1);', "Random", "random");
  assert.match(refuse("random.uniform().length")[0].message, /does not exist on type 'number'/);
  assert.match(refuse('import { nothing } from "../lib/nowhere";')[0].message, /Cannot find module/);
});

test("completion offers members of earlier cells' values at the right place", () => {
  accept("const options = { learningRate: 1, layers: 2 };", "options");
  const text = "const y = options.l";
  const { start, end, matches } = compiler.complete(text, text.length);
  assert.deepEqual([start, end], [18, 19]);
  assert.deepEqual(
    matches.map((match) => match.text),
    ["layers", "learningRate"],
  );
});

test("completion offers members of a value that the unfinished text itself declares", () => {
  accept("1 + 1");
  for (const text of ["const prey = { hare: 1 };\nprey.", "const prey = { hare: 1 };\nMath.max(prey."]) {
    const { start, matches } = compiler.complete(text, text.length);
    assert.equal(start, text.length);
    assert.deepEqual(
      matches.map((match) => match.text),
      ["hare"],
    );
  }
});

test("completion offers names of earlier cells behind a spread and in the midst of an object", () => {
  accept("const longNamedValues = [1, 2];", "longNamedValues");
  for (const text of ["[...longN", "Math.max(1, longN", "({ a: longN"]) {
    const { matches } = compiler.complete(text, text.length);
    assert.ok(
      matches.some((match) => match.text === "longNamedValues"),
      text,
    );
  }
});

test("inspection of an earlier cell's name shows its declaration and documentation", () => {
  accept("/** Twice as much. */\nfunction double(x: number) { return 2 * x; }", "double");
  assert.deepEqual(compiler.inspect("double(2)", 3), {
    signature: "function double(x: number): number",
    documentation: "Twice as much.",
    tags: [],
    definitions: [{ where: "in a cell", text: "function double(x: number) { return 2 * x; }" }],
  });
});

test("completeness: open brackets, calls, templates and comments go on; finished and broken text does not", () => {
  const status = (source: string) => completenessOf(source).status;
  for (const open of ["function f() {", "f(1,", "`a ${", "`a", "/* a", "const x ="])
    assert.equal(status(open), "incomplete");
  for (const done of ["f()", "const a = {};", "", "await f()"]) assert.equal(status(done), "complete");
  for (const broken of ["const const = 1;", "}", "'a\nb()"]) assert.equal(status(broken), "invalid");
  assert.deepEqual(completenessOf("  if (a) {"), { status: "incomplete", indent: "    " });
});

test("a package that no cell had before is typed, and names of earlier cells stay typed beside it", () => {
  accept("const settled = { done: 1 };", "settled");
  accept('import about from "tslab/package.json";\nabout.version.trim()', "about");
  assert.match(refuse("settled.done + about.nothing")[0].message, /'nothing' does not exist/);
  accept("settled.done.toFixed()");
});

test("a cell can add to a module's or to everyone's types", () => {
  accept("declare global { interface Array<T> { lastOne?: T } }");
  assert.match(refuse("[1].lastOne.toFixed()")[0].message, /possibly 'undefined'/);
  assert.match(refuse("[1].firstOne")[0].message, /does not exist/);
});

test("a file that changed on disk is read again, with what was known before it", (t) => {
  const folder = mkdtempSync(path.join(root, "notebooks", ".compiler-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [file, name] = [path.join(folder, "part.ts"), `./${path.basename(folder)}/part`];
  assert.match(refuse(`import { part } from "${name}";`)[0].message, /Cannot find module/);
  writeFileSync(file, "export const part = 1;");
  accept(`import { part } from "${name}";\nconst doubled = 2 * part;`, "part", "doubled");
  writeFileSync(file, "export const part = 'text that is longer';");
  utimesSync(file, 1, 1);
  accept("part.trim(); doubled.toFixed()");
  rmSync(file);
  assert.match(refuse(`import { part as other } from "${name}";`)[0].message, /Cannot find module/);
});

test("many cells that declare the same name again do not add up", () => {
  for (let i = 0; i < 300; i += 1) accept(`const again = ${i};`, "again");
  assert.match(refuse("again.length")[0].message, /does not exist on type/);
  const { matches } = compiler.complete("aga", 3);
  assert.deepEqual(
    matches.map(({ text }) => text),
    ["again"],
  );
});

test("past results have their cells' types, as long as they are kept", () => {
  const run = (source: string, line: number) => {
    const result = compiler.compile(source);
    assert.ok(result.ok, JSON.stringify(result));
    compiler.commit(result.cell.id, [], line);
  };
  run("({ rate: 0.5 })", 1);
  run("Promise.resolve('text')", 2);
  assert.match(refuse("_.rate")[0].message, /'rate' does not exist on type 'string'/);
  assert.match(
    refuse("__.missing + Out[1].rate")[0].message,
    /'missing' does not exist on type '\{ rate: number; \}'/,
  );
  assert.match(refuse("Out[7].x")[0].message, /is of type 'unknown'/);
  for (let line = 3; line < 40; line += 1) run(`${line}`, line);
  assert.match(refuse("Out[1].rate")[0].message, /is of type 'unknown'/);
  accept("const _ = [1];", "_");
  assert.match(refuse("_.rate")[0].message, /'rate' does not exist on type 'number\[\]'/);
});

test("every expression can be a cell's result, and errors in it keep their places", () => {
  accept("let assigned = 1;\nconst thing: { x?: number } = {};", "assigned", "thing");
  const expressions = [
    "[]",
    "null",
    "undefined",
    "() => {}",
    "async () => 1",
    "(function* () {})",
    "(class {})",
    "assigned = 5",
    "assigned, thing",
  ];
  expressions.push(
    "'use strict'",
    "await import('node:fs')",
    "Symbol()",
    "{}",
    "delete thing.x",
    "thing?.x!",
    "<number>thing.x",
    "`text`",
    "void 0",
    "/a/",
  );
  expressions.push(
    "(() => { throw new Error() })()",
    "({ get a() { return this } })",
    "thing as unknown; // note",
    "globalThis",
    "new Map() /* note */",
  );
  for (const expression of expressions) accept(expression);
  const [{ line, column, length }] = refuse("const a = 1;\n  a.toFixed(2).missing.more // 🦊");
  assert.deepEqual([line, column, length], [2, 16, 7]);
});

test("what is to be repeated is one function, async only if it awaits, and declares nothing", () => {
  const repeated = (source: string) => {
    const result = compiler.compile(source, "repeated");
    assert.ok(result.ok, JSON.stringify(result));
    compiler.commit(result.cell.id, []);
    return result.cell.code.replace(/\/\/# sourceMappingURL.*/, "");
  };
  assert.match(
    repeated("const inner = 1;\ninner + 1"),
    /return \[\(\) => \{\s+const inner = 1;\s+return inner \+ 1;\s+\}\]/,
  );
  assert.match(repeated("const wait = async () => { await null; };"), /return \[\(\) => \{/);
  assert.match(repeated("await null"), /return \[async \(\) => \{/);
  assert.match(
    repeated("import fs from 'node:fs';\nfs.statSync('.')"),
    /require\("node:fs"\)[\s\S]*return \[\(\) => \{/,
  );
  assert.match(refuse("inner")[0].message, /Cannot find name 'inner'/);
});

test("a comment turns type checks off and on, for a cell or from there on for the notebook", () => {
  const wrong = "const mistyped: number = 'x';";
  accept(`// @ts-nocheck\n${wrong}`, "mistyped");
  assert.equal(refuse(wrong)[0].code, 2322);
  accept(`// @ts-nocheck notebook\n${wrong}`, "mistyped");
  accept(wrong, "mistyped");
  assert.equal(refuse(`// @ts-check\n${wrong}`)[0].code, 2322);
  accept(wrong, "mistyped");
  assert.equal(refuse(`// @ts-check notebook\n${wrong}`)[0].code, 2322);
  assert.equal(refuse(wrong)[0].code, 2322);
});

test("practice leaves no names, and does not touch a cell that is still running", () => {
  const running = compiler.compile("const underWay = 3;");
  assert.ok(running.ok);
  compiler.practise("const practised = 1; practised");
  compiler.practise("const mistyped: number = 'x';");
  compiler.commit(running.cell.id, ["underWay"]);
  assert.match(refuse("practised")[0].message, /Cannot find name .practised./);
  accept("underWay.toFixed()");
});

test("help on a function of lib shows its source whole", () => {
  const text = 'import { topK } from "../lib/tensor"; topK';
  const [definition] = compiler.inspect(text, text.length)?.definitions ?? [];
  assert.match(definition.text, /return /);
});

test("help on names of lib, of packages and of the language has their documentation, tags, members and overloads too", () => {
  const inspect = (text: string, at = text.length) => compiler.inspect(text, at);
  const encode = inspect('import { Sae } from "../lib/sae";\nSae.prototype.encode');
  assert.match(encode?.documentation ?? "", /^Feature activations f of x/);
  const mean = inspect('import { tf } from "../lib/tensor";\ntf.mean');
  assert.match(mean?.documentation ?? "", /^Computes the mean of elements/);
  assert.ok(mean?.tags.some(({ name, text }) => name === "param" && text.startsWith("x ")));
  const max = inspect("Math.max");
  assert.match(max?.documentation ?? "", /larger of a set/);
  assert.match(max?.tags.find(({ name }) => name === "param")?.text ?? "", /^values /);
  assert.match(inspect("[1].indexOf(1)", 6)?.documentation ?? "", /index of the first occurrence/);
  const buffer = inspect('import { readFileSync } from "node:fs";\nreadFileSync("x", "utf8")', 48);
  assert.match(buffer?.documentation ?? "", /^Synchronously reads the entire contents/);
});
