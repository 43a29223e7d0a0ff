/**
 * Seconds a training step, and PyTorch's beside it when VITRINE_REFERENCE_PYTHON names a Python with torch.
 * Arguments: D F B STEPS ROUNDS; default 192 6144 1024 20 3. Rounds alternate, so that other load falls on both.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Random } from "../tensor";
import { memorySource } from "./source";
import { trainSae } from "./trainer";

const WARM_UP = 3;

async function ours(D: number, F: number, B: number, steps: number): Promise<number[]> {
  const tensor = new Random(0).normalTensor([4 * B, D]);
  const source = memorySource(tensor.dataSync() as Float32Array, D);
  tensor.dispose();
  const marks: number[] = [];
  const timed = {
    ...source,
    gather: (indices: Uint32Array, into: Float32Array) => {
      marks.push(performance.now());
      return source.gather(indices, into);
    },
  };
  const options = {
    architecture: "standard",
    dSae: F,
    batchSize: B,
    steps: steps + WARM_UP,
    bDecInit: "mean",
  } as const;
  const { sae } = await trainSae(timed, options, { metricsEvery: 1e9 });
  marks.push(performance.now());
  sae.dispose();
  // The first mark is the sample for the start; the first and last steps are measured ones.
  return marks.slice(2 + WARM_UP, -1).map((mark, i) => (mark - marks[1 + WARM_UP + i]) / 1000);
}

function pyTorch(python: string, numbers: number[]): number[] {
  const script = join(__dirname, "fixtures", "bench.py");
  return JSON.parse(execFileSync(python, [script, ...numbers.map(String)], { encoding: "utf8" })) as number[];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))];
}

function report(name: string, seconds: readonly number[]): void {
  const [low, median, high] = [0.1, 0.5, 0.9].map((share) => (1000 * quantile(seconds, share)).toFixed(1));
  console.log(`${name.padEnd(10)} median ${median} ms, 10-90% ${low} to ${high} ms, ${seconds.length} steps`);
}

async function main(): Promise<void> {
  const given = process.argv.slice(2).map(Number);
  const [D, F, B, steps, rounds] = [192, 6144, 1024, 20, 3].map((standard, i) => given[i] ?? standard);
  const python = process.env.VITRINE_REFERENCE_PYTHON;
  console.log(`standard SAE, D ${D}, F ${F}, batch ${B}: one training step`);
  const all = { vitrine: [] as number[], pytorch: [] as number[] };
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const mine = await ours(D, F, B, steps);
    all.vitrine.push(...mine);
    if (!python) continue;
    const theirs = pyTorch(python, [D, F, B, steps]);
    all.pytorch.push(...theirs);
    ratios.push(quantile(theirs, 0.5) / quantile(mine, 0.5));
  }
  report("Vitrine", all.vitrine);
  if (!python)
    return console.log("PyTorch    not measured (set VITRINE_REFERENCE_PYTHON to a Python with torch)");
  report("PyTorch", all.pytorch);
  const [least, middle, most] = [0, 0.5, 1].map((share) => quantile(ratios, share).toFixed(2));
  console.log(`PyTorch / Vitrine: median ${middle}, from ${least} to ${most} over ${rounds} rounds`);
}

main();
