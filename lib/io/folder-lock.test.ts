import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takeFolder } from "./folder-lock";

test("a folder that another process has taken is refused, until that gives it back or is gone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-lock-"));
  try {
    const code = `
      const release = require(${JSON.stringify(join(__dirname, "folder-lock.ts"))}).takeFolder(${JSON.stringify(folder)});
      process.stdin.once("data", () => { release(); console.log("released"); });
      console.log("taken");`;
    const start = async () => {
      const child = spawn(process.execPath, ["--import", "tsx", "-e", code], {
        cwd: join(__dirname, "../.."),
        stdio: ["pipe", "pipe", "inherit"],
      });
      assert.equal(String((await once(child.stdout, "data"))[0]).trim(), "taken");
      return child;
    };
    const first = await start();
    assert.throws(() => takeFolder(folder), new RegExp(`process ${first.pid} works in \\(do: wait`));
    first.stdin.write("\n");
    await once(first.stdout, "data");
    const release = takeFolder(folder);
    release();
    first.kill();
    const second = await start();
    second.kill("SIGKILL");
    await once(second, "exit");
    const again = takeFolder(folder); // of one that is gone
    const newer = takeFolder(folder); // of this process itself
    again();
    assert.deepEqual(readdirSync(folder), ["in-use.json"]);
    newer();
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
