/**
 * The run that kill tests kill: `kill-run.ts FOLDER` trains three SAEs on one buffered stream with evaluations, best and
 * last checkpoints, prints "step N" as it goes, and at the end "hash H" of all that came out.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../tensor";
import type { ActivationProducer } from "./source";
import { type SweepMember, trainSaes } from "./trainer";

const [WIDTH, ROWS, STEPS] = [24, 3000, 240];

/** Rows of three directions of 40 each, made anew in every pass, in blocks of odd sizes. */
const producer: ActivationProducer = {
  rows: ROWS,
  width: WIDTH,
  contentHash: "kill-run",
  async *produce(pass, from) {
    const truth = new Random("truth");
    const directions = Array.from({ length: 40 }, () =>
      Array.from({ length: WIDTH }, () => truth.normal() / Math.sqrt(WIDTH)),
    );
    for (let first = from; first < ROWS; first += 331) {
      const block = new Float32Array(Math.min(331, ROWS - first) * WIDTH);
      for (let row = 0; row * WIDTH < block.length; row++) {
        const random = new Random(`row/${pass}/${first + row}`);
        for (let i = 0; i < 3; i++) {
          const direction = directions[random.int(40)];
          for (let d = 0; d < WIDTH; d++) block[row * WIDTH + d] += (1 + random.uniform()) * direction[d];
        }
      }
      yield block;
    }
  },
};

const shared = {
  steps: STEPS,
  batchSize: 64,
  dSae: 96,
  warmUpSteps: 20,
  deadAfterSteps: 8,
  learningRate: 3e-3,
};
const MEMBERS: SweepMember[] = [
  { name: "post", options: { ...shared, architecture: "standard", l1Coefficient: 0.01 } },
  { name: "topk", options: { ...shared, architecture: "topk", k: 4 } },
  { name: "batchtopk", options: { ...shared, architecture: "batchtopk", k: 4, steps: STEPS / 2 } },
];

async function main(): Promise<void> {
  const folder = process.argv[2];
  await trainSaes(producer, MEMBERS, {
    runFolder: folder,
    bufferRows: 500,
    checkpointEvery: 9,
    metricsEvery: 5,
    evaluate: async (sae) => ({
      fvu: sae.weights.bDec.dataSync<"float32">().reduce((sum, x) => sum + x * x, 0),
    }),
    evaluateEvery: 30,
    restoreBest: true,
    onMetrics: ({ step }, name) => {
      if (name === "post") process.stdout.write(`step ${step}\n`);
    },
  });
  const hash = createHash("sha256");
  for (const { name } of MEMBERS) {
    hash.update(readFileSync(join(folder, name, "sae", "sae_weights.safetensors")));
    for (const line of readFileSync(join(folder, name, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")) {
      const { seconds, tokensPerSecond, ...rest } = JSON.parse(line);
      if (!(seconds >= 0 && tokensPerSecond > 0)) throw new Error(`kill-run: expected times, got ${line}`);
      hash.update(JSON.stringify(rest));
    }
  }
  // One that is to be killed is there until it is, also when the kill comes after the last step.
  if (process.env.VITRINE_KILL_RUN === "killed") {
    process.stdout.write(`step ${STEPS}\n`);
    await new Promise((never) => setTimeout(never, 600_000));
  }
  process.stdout.write(`hash ${hash.digest("hex")}\n`);
}

main();
