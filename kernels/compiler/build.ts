/** Prepares the kernel: its code as JavaScript, and the compiler's process, run once until all types are loaded, as a snapshot of its memory. */
import { execFile } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { folderOf, originOf, sourcesOf } from "../start/prepared";

/** Makes both anew, all or nothing: about ten seconds and 60 MB. Then translates lib ahead. */
export async function prepareKernel(root: string): Promise<void> {
  const { build } = await import("esbuild");
  const folder = folderOf(root);
  const origin = originOf(root);
  mkdirSync(folder, { recursive: true });
  const made = path.join(folder, "prepared.json");
  const temporary = (name: string) => path.join(folder, `${name}.${process.pid}.tmp`);
  const [script, blob, note, code] = ["compiler.js", "compiler.blob", "prepared.json", "code"].map(temporary);
  const shared = { platform: "node", target: "node20", logLevel: "error" } as const;
  try {
    await build({
      ...shared,
      entryPoints: sourcesOf(root).map((name) => path.join(root, name)),
      outbase: path.join(root, "kernels"),
      format: "cjs",
      outdir: code,
    });
    await build({
      ...shared,
      entryPoints: [path.join(root, "kernels", "compiler", "process.ts")],
      bundle: true,
      // V8 keeps a script's text, and this one holds TypeScript.
      minify: true,
      legalComments: "none",
      outfile: script,
    });
    const notebookDir = path.join(root, "notebooks");
    const args = ["--snapshot-blob", blob, "--build-snapshot", script, root, notebookDir];
    await promisify(execFile)(process.execPath, args, { cwd: root });
    // In this order: a kernel that starts meanwhile finds the old things, the new ones, or none.
    rmSync(made, { force: true });
    renameSync(blob, path.join(folder, "compiler.blob"));
    rmSync(path.join(folder, "code"), { recursive: true, force: true });
    renameSync(code, path.join(folder, "code"));
    writeFileSync(note, origin);
    renameSync(note, made);
    // Only a head start: a module that does not translate is told of in the cell that imports it.
    const translate = path.join(root, "kernels", "start", "translate-lib.js");
    await promisify(execFile)(process.execPath, [translate, root], { cwd: root }).catch(() => {});
  } finally {
    for (const file of [script, blob, note, code]) rmSync(file, { recursive: true, force: true });
  }
}
