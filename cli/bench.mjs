/** `npm run bench -- NAME`: runs NAME.bench.ts, wherever it lies beside its source; without a name it lists them. */
import { basename } from "node:path";
import { runInForeground } from "./foreground.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { setUp } from "./setup/setup.mjs";
import { findFiles } from "./test-files.mjs";
import { typescriptLoader } from "./typescript.mjs";

/** @param {string[]} argv @param {import("./setup/paths.mjs").Paths} paths */
export async function run([name, ...argv], paths) {
  const files = findFiles(paths.root, /\.bench\.ts$/);
  if (name === undefined) {
    console.log("usage: npm run bench -- NAME [arguments]\n");
    for (const file of files) console.log(`  ${basename(file, ".bench.ts").padEnd(24)}${file}`);
    if (files.length === 0) console.log("  (no *.bench.ts yet)");
    return 0;
  }
  const found = files.filter((file) => basename(file, ".bench.ts") === name);
  if (found.length !== 1) {
    const which = found.length === 0 ? "none" : found.join(", ");
    throw new SetupFailure(`bench: expected one ${name}.bench.ts, found ${which} (do: npm run bench)`);
  }
  await setUp({ paths });
  return runInForeground(process.execPath, [...typescriptLoader(paths), found[0], ...argv], {
    cwd: paths.root,
  });
}
