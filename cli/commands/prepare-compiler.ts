/** `npx vitrine prepare-compiler`: loads all types once, so that a notebook's first cell need not wait for them. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { prepareCompiler } from "../../kernels/compiler/build";

export async function run(argv: string[]): Promise<number> {
  parseArgs({ args: argv, options: {} });
  await prepareCompiler(resolve(__dirname, "../.."));
  console.log("prepare-compiler: done; kernels that start from now on use it");
  return 0;
}
