/** npm packages that only a comparison needs: exact versions, never dependencies of the project. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * Installs `packages` (exact versions by name) without their install scripts, and returns the folder that has `node_modules`. It lies
 * in `.vitrine/bench/NAME` and is used again as long as the versions are the same.
 */
export function benchPackages(name: string, packages: Readonly<Record<string, string>>): string {
  const folder = resolve(__dirname, "..", ".vitrine", "bench", name);
  /** Written last: an installation that was stopped has none. */
  const installed = join(folder, "installed.json");
  const text = `${JSON.stringify({ name: `vitrine-bench-${name}`, private: true, dependencies: packages }, null, 2)}\n`;
  if (existsSync(installed) && readFileSync(installed, "utf8") === text) return folder;
  rmSync(installed, { force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), text);
  console.error(`bench: installing ${Object.keys(packages).join(", ")} for this comparison alone …`);
  const words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--silent"];
  execFileSync("npm", words, { cwd: folder, stdio: "inherit" });
  writeFileSync(installed, text);
  return folder;
}
