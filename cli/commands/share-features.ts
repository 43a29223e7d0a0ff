/** `npx vitrine share-features`: makes chosen features of an explorer page one HTML file (PAGE --features 1,2,3; also as share). */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { sharePage } from "../../explorer/build/share-page";

const USAGE = "npx vitrine share [PAGE] --features 1,2,3 [--to FILE]";

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { features: { type: "string" }, to: { type: "string" } },
  });
  const numbers = values.features?.split(",").map((text) => text.trim()) ?? [];
  if (positionals.length > 1 || numbers.length === 0 || !numbers.every((text) => /^\d+$/.test(text))) {
    throw new Error(`share: expected ${USAGE}, got ${argv.join(" ")}`);
  }
  const folder = resolve(positionals[0] ?? "page");
  const file = resolve(values.to ?? join(folder, "..", "features.html"));
  await sharePage(folder, numbers.map(Number), file);
  console.log(`share: ${file} (${((await stat(file)).size / 1e6).toFixed(1)} MB)`);
  return 0;
}
