/** Where files that can be made again are kept: `.vitrine` in the project, never committed. */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** `.vitrine/NAME` in the nearest folder upwards that has a package.json. The folder itself need not exist. */
export function cacheFolder(...name: string[]): string {
  for (let at = resolve(__dirname); ; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return join(at, ".vitrine", ...name);
    if (at === dirname(at))
      throw new Error("cacheFolder: expected a package.json above lib, got none (do: give dir)");
  }
}
