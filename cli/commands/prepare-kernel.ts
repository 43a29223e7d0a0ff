/** `npx vitrine prepare-kernel`: makes JavaScript of the kernel and loads all types once, so that a notebook's first cell waits for neither. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { prepareKernel } from "../../kernels/compiler/build";

export async function run(argv: string[]): Promise<number> {
  parseArgs({ args: argv, options: {} });
  await prepareKernel(resolve(__dirname, "../.."));
  console.log("prepare-kernel: done; kernels that start from now on use it");
  return 0;
}
