/** npm packages that only a comparison needs: exact versions, never dependencies of the project. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * Installs `packages` (exact versions by name) without their install scripts, and returns the folder that has `node_modules`. It lies
 * in `.vitrine/bench/NAME` and is used again as long as the versions are the same.
 */
export function benchPackages(name: string, packages: Readonly<Record<string, string>>): string {
  const folder = resolve(__dirname, "..", ".vitrine", "bench", name);
  const manifest = join(folder, "package.json");
  const text = `${JSON.stringify({ name: `vitrine-bench-${name}`, private: true, dependencies: packages }, null, 2)}\n`;
  const isThere = Object.keys(packages).every((one) => existsSync(join(folder, "node_modules", one)));
  if (isThere && existsSync(manifest) && readFileSync(manifest, "utf8") === text) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, text);
  console.error(`bench: installing ${Object.keys(packages).join(", ")} for this comparison alone …`);
  const words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--silent"];
  execFileSync("npm", words, { cwd: folder, stdio: "inherit" });
  return folder;
}
