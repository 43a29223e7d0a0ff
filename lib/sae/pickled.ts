/** Pickled weights are programs: they are refused, with the way to make safetensors of them. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Throws unless `path` is a folder that has `files`, or a file that is not pickled where `files` is empty; an error about
 * pickled files has the recipe.
 */
export function refusePickled(path: string, files: readonly string[]): void {
  const expected = files.join(" and ") || "a safetensors file";
  if (!existsSync(path)) throw new Error(`${path}: expected ${expected}, got nothing`);
  const isFolder = statSync(path).isDirectory();
  if (isFolder && files.length > 0 && files.every((file) => existsSync(join(path, file)))) return;
  const names = isFolder ? readdirSync(path) : [path];
  const pickled = names.find((name) => /\.(pt|pth|pkl|pickle|bin|ckpt)$/.test(name));
  if (pickled) {
    throw new Error(
      `${path}: expected ${expected}, got the pickled "${pickled}", which can run any code when read (do: in Python, weights = torch.load(…, weights_only=True); safetensors.torch.save_file(weights, "sae_weights.safetensors"))`,
    );
  }
  if (isFolder || files.length > 0)
    throw new Error(`${path}: expected ${expected}, got ${names.join(", ") || "nothing"}`);
}
