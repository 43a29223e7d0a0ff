import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { processStart, takeLock } from "./lock.mjs";

let folder;
let path;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-lock-"));
  path = join(folder, "setup.lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a second taker waits until the first releases", async () => {
  const first = await takeLock(path);
  const order = [];
  const second = takeLock(path, (pid) => order.push(`waits for ${pid}`)).then((lock) => {
    order.push("second");
    lock.release();
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  order.push("release");
  first.release();
  await second;
  assert.deepEqual(order, [`waits for ${process.pid}`, "release", "second"]);
  assert.equal(existsSync(path), false);
});

test("ten takers at once hold it one after the other", async () => {
  let holders = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      // Separate offers, as separate processes would make.
      const lock = await takeLock(path);
      most = Math.max(most, ++holders);
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders--;
      lock.release();
    }),
  );
  assert.equal(most, 1);
});

test("a lock whose process is gone is taken over, and the child it left is ended", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
    detached: true,
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.on("exit", (_code, signal) => resolve(signal)));
  const children = [{ pid: child.pid, start: processStart(child.pid) }];
  writeFileSync(path, JSON.stringify({ pid: 999999999, start: "1", children }));
  const lock = await takeLock(path, () => assert.fail("nothing to wait for"));
  assert.equal(await ended, "SIGTERM");
  lock.release();
});

test("a lock of another process that got the same number is not mistaken for a live one", async () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, start: "an earlier one", children: [] }));
  const lock = await takeLock(path, () => assert.fail("nothing to wait for"));
  lock.release();
});

test("a lock file that was cut off is taken over", async () => {
  writeFileSync(path, '{"pid": 12');
  const lock = await takeLock(path, () => assert.fail("nothing to wait for"));
  lock.release();
});
