import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { SetupFailure } from "./failure.mjs";
import { pathsUnder } from "./paths.mjs";
import { pendingSteps, setUp } from "./setup.mjs";

let folder;
let paths;
let log;
const progress = { start() {}, detail() {}, done() {}, line: (text) => log.push(text), stop() {} };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-setup-"));
  paths = pathsUnder(folder);
  log = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A step that writes its file; `change` alters it. */
function fileStep(id, change = {}) {
  const output = join(folder, id, "result");
  const step = {
    id,
    title: id,
    expectation: "",
    needs: [],
    needsMB: 0,
    after: [],
    stamp: join(folder, id, "stamp.json"),
    inputs: () => ({ version: 1 }),
    outputs: () => [output],
    async run() {
      ran.push(id);
      mkdirSync(join(folder, id), { recursive: true });
      writeFileSync(output, "done");
      return {};
    },
    ...change,
  };
  return step;
}
let ran = [];
beforeEach(() => {
  ran = [];
});

test("steps run after those that they depend on, and finished ones are skipped the next time", async () => {
  const steps = [fileStep("b", { after: ["a"] }), fileStep("a")];
  assert.deepEqual((await setUp({ paths, steps, progress })).sort(), ["a", "b"]);
  assert.deepEqual(ran, ["a", "b"]);
  assert.deepEqual(await setUp({ paths, steps, progress }), []);
  assert.deepEqual(ran, ["a", "b"]);
});

test("a step whose inputs changed runs again, one whose output is gone as well", async () => {
  const step = fileStep("a");
  await setUp({ paths, steps: [step], progress });
  step.inputs = () => ({ version: 2 });
  assert.deepEqual(await setUp({ paths, steps: [step], progress }), ["a"]);
  rmSync(join(folder, "a", "result"));
  assert.deepEqual(await setUp({ paths, steps: [step], progress }), ["a"]);
});

test("a step that failed halfway is done again, the ones before it are not", async () => {
  let broken = true;
  const first = fileStep("first");
  const second = fileStep("second", { after: ["first"] });
  const run = second.run;
  second.run = async () => {
    const notes = await run();
    if (broken) throw new SetupFailure("set-up: second: expected X, got Y (do Z)");
    return notes;
  };
  await assert.rejects(setUp({ paths, steps: [first, second], progress }), /second: expected X/);
  broken = false;
  assert.deepEqual(await setUp({ paths, steps: [first, second], progress }), ["second"]);
  assert.deepEqual(ran, ["first", "second", "second"]);
});

test("the first failure stops the steps that run beside it and is the one that is told", async () => {
  let stopped = false;
  const patient = fileStep("patient", {
    run: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          stopped = true;
          reject(new Error("a consequence"));
        });
      }),
  });
  const failing = fileStep("failing", {
    run: async () => {
      throw new SetupFailure("the cause");
    },
  });
  await assert.rejects(setUp({ paths, steps: [patient, failing], progress }), /^SetupFailure: the cause$/);
  assert.equal(stopped, true);
});

test("a pending step makes all that depend on it pending", async () => {
  const steps = [
    fileStep("a"),
    fileStep("b", { after: ["a"] }),
    fileStep("c", { after: ["b"] }),
    fileStep("d"),
  ];
  await setUp({ paths, steps, progress });
  rmSync(join(folder, "a"), { recursive: true });
  assert.deepEqual(
    pendingSteps(steps).map((step) => step.id),
    ["a", "b", "c"],
  );
});

test("a step that finds its result already made by somebody else does not run", async () => {
  let adoptable = true;
  const step = fileStep("a", { adopt: () => adoptable });
  assert.deepEqual(await setUp({ paths, steps: [step], progress }), []);
  adoptable = false;
  assert.deepEqual(await setUp({ paths, steps: [step], progress }), ["a"]);
});

test("a step that needs more disk than there is ends in one line before anything runs", async () => {
  const step = fileStep("huge", { needsMB: 1e12 });
  await assert.rejects(setUp({ paths, steps: [step], progress }), (error) => {
    assert.match(
      error.message,
      /^set-up: huge: expected 1000000000000 MB of free disk, found \d+ MB \(free some/,
    );
    assert.equal(error.message.split("\n").length, 1);
    return true;
  });
  assert.deepEqual(ran, []);
});
