/** Prepares the compiler's process: one script, run once until all types are loaded, kept as a snapshot of its memory. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const folderOf = (root: string) => path.join(root, ".vitrine", "kernel");

/** The snapshot's path, if it was made by this Node, in this folder, from the files as they are. */
export function preparedCompiler(root: string): string | undefined {
  const folder = folderOf(root);
  try {
    const made = readFileSync(path.join(folder, "compiler.json"), "utf8");
    return made === originOf(root) ? path.join(folder, "compiler.blob") : undefined;
  } catch {
    return undefined; // None was made, or a source is missing: the compiler then starts from its sources.
  }
}

/** What a snapshot is made of. Sources of lib need not be here: the compiler looks at them again at each cell. */
function originOf(root: string): string {
  const compiler = path.join(root, "kernels", "compiler");
  const sources = readdirSync(compiler)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => path.join(compiler, name));
  const hash = createHash("sha256");
  for (const name of [...sources, "tsconfig.json", "node_modules/.package-lock.json"]) {
    hash.update(`\0${name}\0`).update(readFileSync(path.resolve(root, name)));
  }
  const { version, platform, arch } = process;
  return JSON.stringify({ version, platform, arch, root, files: hash.digest("hex") });
}

/** Makes the snapshot anew, all or nothing: about ten seconds and 70 MB. */
export async function prepareCompiler(root: string): Promise<void> {
  const { build } = await import("esbuild");
  const folder = folderOf(root);
  const origin = originOf(root);
  mkdirSync(folder, { recursive: true });
  const made = path.join(folder, "compiler.json");
  const temporary = (name: string) => path.join(folder, `${name}.${process.pid}.tmp`);
  const [script, blob, note] = ["compiler.js", "compiler.blob", "compiler.json"].map(temporary);
  try {
    await build({
      entryPoints: [path.join(root, "kernels", "compiler", "process.ts")],
      bundle: true,
      platform: "node",
      target: "node20",
      logLevel: "error",
      outfile: script,
    });
    const notebookDir = path.join(root, "notebooks");
    const args = ["--snapshot-blob", blob, "--build-snapshot", script, root, notebookDir];
    await promisify(execFile)(process.execPath, args, { cwd: root });
    // In this order: a kernel that starts meanwhile finds the old pair, the new one, or none.
    rmSync(made, { force: true });
    renameSync(blob, path.join(folder, "compiler.blob"));
    writeFileSync(note, origin);
    renameSync(note, made);
  } finally {
    for (const file of [script, blob, note]) rmSync(file, { force: true });
  }
}
