import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { compilerArguments } from "./addon.mjs";
import { runLogged } from "./child.mjs";
import { describeFailure } from "./failure.mjs";
import { fillTemplate } from "./kernelspec.mjs";
import { processStart } from "./lock.mjs";
import { treeMatchesLock } from "./npm-packages.mjs";
import { pathsUnder } from "./paths.mjs";
import { nodeProblem } from "./prerequisites.mjs";
import { seconds } from "./progress.mjs";
import { hashFiles } from "./stamp.mjs";

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-steps-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the kernelspec gets this Node and this clone, also where a path has quotes and spaces", () => {
  const spec = JSON.parse(
    fillTemplate('{"argv":["{node}","{root}/kernels/main.js","{connection_file}"]}', '/a "b" c', "/n"),
  );
  assert.deepEqual(spec.argv, ["/n", '/a "b" c/kernels/main.js', "{connection_file}"]);
});

test("the addon looks for TensorFlow relative to itself", () => {
  const paths = pathsUnder("/clone");
  const rpath = compilerArguments(paths, paths.addon).find((word) => word.startsWith("-Wl,-rpath,"));
  assert.match(
    rpath,
    /^-Wl,-rpath,(\$ORIGIN|@loader_path)\/\.\.\/\.\.\/\.\.\/\.\.\/\.\.\/\.venv\/tensorflow$/,
  );
});

test("node_modules counts as installed only when npm's own record names the lock file's versions", () => {
  const paths = pathsUnder(folder);
  const write = (path, packages) => writeFileSync(path, JSON.stringify({ packages }));
  mkdirSync(paths.nodeModules);
  const a = { version: "1.0.0", integrity: "sha512-a" };
  const foreign = { version: "2.0.0", integrity: "sha512-b", optional: true };
  write(paths.lockFile, { "": {}, "node_modules/a": a, "node_modules/other-platform": foreign });
  assert.equal(treeMatchesLock(paths), false, "no record");
  const record = join(paths.nodeModules, ".package-lock.json");
  write(record, { "node_modules/a": a });
  assert.equal(treeMatchesLock(paths), true);
  write(record, { "node_modules/a": { ...a, version: "1.0.1" } });
  assert.equal(treeMatchesLock(paths), false, "another version");
  write(record, { "node_modules/a": a, "node_modules/extra": a });
  assert.equal(treeMatchesLock(paths), false, "one too many");
  write(record, {});
  assert.equal(treeMatchesLock(paths), false, "one missing");
});

test("a failure's one line names the cause: network, disk, or the program's own words", () => {
  const about = { where: "TensorFlow", command: "python -m pip", code: 1, log: "x.log", needsMB: 1500 };
  const line = (output) => describeFailure({ ...about, output }).message;
  assert.match(
    line("WARNING: Retrying ... NewConnectionError: Temporary failure in name resolution"),
    /expected to reach the package registry/,
  );
  assert.match(
    line("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
    /expected 1500 MB of free disk, found the disk full/,
  );
  assert.match(
    line("some talk\nERROR: No matching distribution found for x==1\n[notice] A new release of pip\n"),
    /got 1: ERROR: No matching distribution found for x==1 \(log: x\.log\)$/,
  );
  assert.match(
    line("npm error code EUSAGE\nnpm error\nnpm error not in sync\nnpm error Usage:"),
    /got 1: npm error not in sync/,
  );
});

test("a child that is stopped ends with everything that it started", async () => {
  const stop = new AbortController();
  const paths = pathsUnder(folder);
  const context = { paths, lock: null, signal: stop.signal };
  let grandchild;
  const run = runLogged(context, {
    step: { id: "sleeper", title: "sleeper" },
    command: "sh",
    args: ["-c", "sleep 60 & echo $!; wait"],
    onLine: (line) => {
      grandchild = Number(line);
      stop.abort(new Error("stopped"));
    },
  });
  await assert.rejects(run, /^Error: stopped$/);
  for (let i = 0; i < 50 && processStart(grandchild) !== null; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(processStart(grandchild), null);
});

test("a stamp's hash changes with a file's content and name, and not with tests or build leftovers", () => {
  writeFileSync(join(folder, "a.ts"), "1");
  const before = hashFiles([folder]);
  writeFileSync(join(folder, "a.test.ts"), "2");
  mkdirSync(join(folder, "__pycache__"));
  assert.equal(hashFiles([folder]), before);
  writeFileSync(join(folder, "b.ts"), "");
  assert.notEqual(hashFiles([folder]), before);
});

test("Node 20, 22 and 24 will do, 18 is refused in one line", () => {
  for (const version of ["20.9.0", "22.0.0", "24.21.0"]) assert.equal(nodeProblem(version), null);
  assert.match(nodeProblem("18.20.0"), /^set-up: expected Node 20\.9 or newer, found 18\.20\.0 \(.*\)$/);
});

test("durations read well from tenths of a second to minutes", () => {
  assert.deepEqual([450, 12300, 65000, 119700].map(seconds), ["0.5 s", "12 s", "1 min 05 s", "2 min 00 s"]);
});
