/** Finds the Chromium that the browser test drives. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const places = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The executable's path: VITRINE_CHROMIUM when set, else the first found on the PATH; null without any. */
export function findBrowser(env = process.env) {
  if (env.VITRINE_CHROMIUM) return existsSync(env.VITRINE_CHROMIUM) ? env.VITRINE_CHROMIUM : null;
  for (const folder of (env.PATH ?? "").split(":").filter(Boolean)) {
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name);
  }
  return places.find((path) => existsSync(path)) ?? null;
}
