/** `npm run bench -- parity FOLDER`: how far the towers are from Hugging Face's on the cases that fixtures/make.py wrote into a folder. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { comparePoints, openParityCase, worst } from "./parity";

async function main(): Promise<void> {
  const folder = process.argv[2] ?? join(__dirname, "fixtures");
  const cases = readdirSync(folder).filter((name) => existsSync(join(folder, name, "expected.safetensors")));
  if (cases.length === 0) {
    throw new Error(`parity: expected cases in ${folder}, got none (do: fixtures/make.py --out ${folder})`);
  }
  for (const name of cases) {
    const parity = await openParityCase(join(folder, name));
    const { hookPoints, logits, gradients } = await comparePoints(parity);
    parity.dispose();
    const point = worst(hookPoints);
    const gradient = worst(gradients);
    console.log(`${name}: ${hookPoints.length} hook points; of its root mean square the furthest off is`);
    console.log(`  ${point.what}: ${point.relative.toExponential(1)}`);
    console.log(`  ${gradient.what}: ${gradient.relative.toExponential(1)}`);
    console.log(`  logits at a scale of 100: off by ${logits.error.toExponential(1)}`);
  }
}

main();
