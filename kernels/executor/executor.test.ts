/** Cells through compiler and executor in one thread, without sockets. */
import assert from "node:assert/strict";
import path from "node:path";
import { before, test } from "node:test";
import { importBases } from "../compiler";
import { Compiler } from "../compiler/compiler";
import { installContexts } from "./context";
import type { RunResult } from "./contract";
import { Executor } from "./executor";
import { Interrupter } from "./interrupt";
import { Shell } from "./shell";

const root = path.resolve(__dirname, "../..");
const notebookDir = path.join(root, "notebooks");
let compiler: Compiler;
let executor: Executor;
let count = 0;

before(() => {
  compiler = new Compiler({ root, notebookDir });
  const interrupter = new Interrupter(new SharedArrayBuffer(16));
  installContexts((cell) => interrupter.isInterrupted(cell));
  executor = new Executor({
    root,
    importBases: importBases(root, notebookDir),
    interrupter,
    shell: new Shell({ print: () => {} }),
    builtInModules: new Map(),
  });
});

async function run(source: string): Promise<RunResult> {
  const compiled = compiler.compile(source);
  assert.ok(compiled.ok, JSON.stringify(compiled));
  count += 1;
  const outcome = await executor.run(compiled.cell, `In[${count}]`);
  compiler.commit(compiled.cell.id, outcome.liveNames);
  return outcome;
}

async function textOf(source: string): Promise<unknown> {
  const outcome = await run(source);
  assert.equal(outcome.status, "ok");
  return outcome.status === "ok" && outcome.result?.data["text/plain"];
}

test("a variable is one binding for its own cell and for all others", async () => {
  await run("let total = 1;\nconst more = () => ++total;");
  await run("total = 10;");
  assert.equal(await textOf("more();\ntotal"), "11");
});

test("a failed cell keeps the names that it reached, and the older value of the others", async () => {
  await run("const kept = 'old';");
  const outcome = await run("const before = 1;\nif (before) throw new Error('stop');\nconst kept = 'new';");
  assert.deepEqual(outcome.liveNames, ["before"]);
  assert.equal(await textOf("kept + before"), "'old1'");
});

test("an error's traceback names the cell, its line and column, and nothing of the kernel", async () => {
  const outcome = await run("const f = () => {\n  throw new TypeError('inner');\n};\nf()");
  assert.ok(outcome.status === "error");
  const shown = outcome.error.traceback.join("\n");
  assert.ok(shown.includes(`Cell In[${count}]:2:9`), shown);
  assert.ok(shown.includes(`Cell In[${count}]:4:1`), shown);
  assert.doesNotMatch(shown, /executor|node:/);
});

test("columns of the first line do not count what the compiler wrote there", async () => {
  await run("const thrown = new Error('first line');");
  const outcome = await run("[thrown].map(() => { throw new Error('here'); })");
  assert.ok(outcome.status === "error");
  assert.ok(
    outcome.error.traceback.join("\n").includes(`Cell In[${count}]:1:28`),
    outcome.error.traceback.join("\n"),
  );
});

test("thrown values that are no errors, causes and aggregates are told", async () => {
  const plain = await run("throw 'just text'");
  assert.ok(plain.status === "error" && plain.error.evalue === "'just text'");
  const chained = await run("throw new Error('outer', { cause: new RangeError('root cause') })");
  assert.ok(
    chained.status === "error" && chained.error.traceback.some((line) => line.includes("root cause")),
  );
});

test("an abandoned cell ends at once and its pending await never goes on", async () => {
  const running = run(
    "let steps = 0;\nfor (;;) {\n  await new Promise((go) => setTimeout(go, 1));\n  steps += 1;\n  (globalThis as any).stepsSeen = steps;\n}",
  );
  while ((globalThis as { stepsSeen?: number }).stepsSeen === undefined)
    await new Promise((resolve) => setTimeout(resolve, 10));
  executor.interrupt();
  const outcome = await running;
  assert.ok(outcome.status === "error" && outcome.error.ename === "KeyboardInterrupt");
  const first = await textOf("steps");
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(await textOf("steps"), first);
  assert.notEqual(first, "0");
});

test("a cell that asked for its signal is given time to end by itself", async () => {
  const running = run(
    "const { signal } = (globalThis as any)[Symbol.for('Jupyter.interrupt')];\n" +
      "await new Promise((stop) => signal.addEventListener('abort', stop));\n" +
      "await new Promise((saved) => setTimeout(saved, 20));\n'saved ' + signal.reason.name",
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  executor.interrupt();
  const outcome = await running;
  assert.ok(outcome.status === "ok");
  assert.equal(outcome.result?.data["text/plain"], "'saved KeyboardInterrupt'");
});

test("lib's modules are the very ones that the rest of the process uses", async () => {
  const { Random } = require("../../lib/tensor/random") as { Random: { prototype: object } };
  const outcome = await run('import { Random } from "../lib/tensor/random";\nnew Random(1)');
  assert.equal(outcome.status, "ok");
  await run("Object.assign(Random.prototype, { mark: 7 })");
  assert.equal((Random.prototype as { mark?: number }).mark, 7);
});
