/** Where an SAE is: one that comes with the project, a folder, or a folder of a repository on the Hugging Face hub. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { findCached, type PullOptions, pullFromHub } from "../io";

/** SAEs that come with the project, by name. */
const EMBEDDED: Readonly<Record<string, string>> = {
  "emoji-sae": resolve(__dirname, "../../data/emoji-sae"),
};

const REQUIRED = ["cfg.json", "sae_weights.safetensors"];
const HUB = /^([\w][\w.-]*\/[\w.-]+)(?:\/([\w./+=-]+?))?\/?$/;

/**
 * The folder on disk. `where`: "emoji-sae", a path, or "org/name" or "org/name/folder/in/it" of the hub, found in the same cache as CLIP's
 * or fetched into it.
 */
export async function locateSae(where: string, options: PullOptions = {}): Promise<string> {
  if (Object.hasOwn(EMBEDDED, where)) return EMBEDDED[where];
  const [, id, folder = ""] = (!existsSync(where) && HUB.exec(where)) || [];
  if (id === undefined || /^[./]/.test(where)) return where;
  const inFolder = { ...options, folder };
  const root =
    findCached(id, saeFiles(where, folder), inFolder) ??
    (await pullFromHub(id, saeFiles(where, folder), inFolder));
  return join(root, folder);
}

/** The files of an SAE in `folder`, of those that are there. */
function saeFiles(where: string, folder: string) {
  const path = (name: string) => (folder === "" ? name : `${folder}/${name}`);
  return (files: readonly string[]): string[] => {
    for (const name of REQUIRED) {
      if (!files.includes(path(name))) {
        throw new Error(
          `${where}: expected ${REQUIRED.join(" and ")} of a SAELens release, got ${files.join(", ") || "nothing"} (do: name the SAE's folder, as org/name/folder)`,
        );
      }
    }
    return [...REQUIRED, "sparsity.safetensors"].map(path).filter((name) => files.includes(name));
  };
}
