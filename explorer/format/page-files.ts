/** Reads a page's data files outside of a browser. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FORMAT_VERSION, type Manifest } from "./page-format";

/** The record of `data/NAME.js` as it is written; `unpackRecord` makes its columns arrays. */
export async function readPageRecord(folder: string, name: string): Promise<object> {
  const text = await readFile(join(folder, "data", `${name}.js`), "utf8");
  return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as object;
}

/** The manifest of a whole page of this version; throws for any other folder. */
export async function readManifest(folder: string, where: string): Promise<Manifest> {
  if (!existsSync(join(folder, "data", "manifest.js"))) {
    throw new Error(`${where}: expected a page in ${folder}, got none (do: npx vitrine explore)`);
  }
  const manifest = (await readPageRecord(folder, "manifest")) as Manifest;
  if (manifest.version !== FORMAT_VERSION) {
    throw new Error(
      `${where}: expected a page of version ${FORMAT_VERSION}, got ${manifest.version} (do: npx vitrine explore)`,
    );
  }
  return manifest;
}
