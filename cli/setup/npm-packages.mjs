/** Set-up step: the npm packages, exactly as package-lock.json names them, without any install script. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment, runLogged } from "./child.mjs";
import { findNpm } from "./prerequisites.mjs";
import { hashFiles, writeStamp } from "./stamp.mjs";

/** @param {import("./paths.mjs").Paths} paths */
export function npmPackages(paths) {
  const stamp = join(paths.nodeModules, ".vitrine-npm.json");
  const step = {
    id: "npm-packages",
    title: "npm packages",
    expectation: "some 370, 230 MB to download",
    needs: ["npm"],
    needsMB: 900,
    after: [],
    stamp,
    inputs: () => ({ lock: hashFiles([paths.lockFile]), platform: process.platform, arch: process.arch }),
    outputs: () => [join(paths.nodeModules, "tsx"), paths.tfjs],
    /** A tree that `npm install` already brought to the lock file's state needs no second install. */
    adopt() {
      if (!treeMatchesLock(paths)) return false;
      writeStamp(stamp, step.inputs(), { by: "npm install" });
      return true;
    },
    async run(context) {
      const npm = findNpm();
      const args = [
        "ci",
        "--ignore-scripts",
        "--include=dev",
        "--include=optional",
        "--no-audit",
        "--no-fund",
      ];
      const patience = [
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=5000",
      ];
      await runLogged(context, {
        step,
        command: npm.command,
        args: [...npm.args, ...args, ...patience, "--loglevel=error"],
        name: "npm",
        env: cleanEnvironment({ npm_config_update_notifier: "false" }),
      });
      return { npm: npm.version };
    },
  };
  return step;
}

/** True when npm's own record of node_modules (written last by npm) names the lock file's packages and versions. */
export function treeMatchesLock(paths) {
  const record = join(paths.nodeModules, ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(paths.lockFile, "utf8")).packages;
  const have = JSON.parse(readFileSync(record, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith("node_modules/")) continue;
    const installed = have[path];
    if (!installed) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return false;
    }
    if (installed.version !== entry.version || installed.integrity !== entry.integrity) return false;
  }
  return Object.keys(have).every((path) => !path.startsWith("node_modules/") || path in wanted);
}
