/**
 * `npm run bench -- analysis [rows] [rounds]`: the pass that collects feature statistics (density, sums, top 20, features per row) at D 1,024 and F 65,536,
 * pictures a second and peak memory, beside the same in PyTorch with a top-k merged batch by batch, in turns. PyTorch runs where
 * VITRINE_REFERENCE_PYTHON names a Python that has it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { spread } from "../../bench/statistics";
import { type ActivationSource, memorySource, Sae } from "../sae";
import { Random, tf } from "../tensor";
import { featureStatistics } from "./feature-statistics";

const [D, F] = [1024, 65_536];
/** Standard deviations below which a feature is silent: about 50 of 65,536 fire on a row of normal numbers. */
const BIAS = -3.17;
const KEPT = 4096;

interface Run {
  seconds: number;
  /** Bytes. */
  peak: number;
  l0: number;
}

/** One pass in a process of its own, so that its peak memory is its own. */
async function pass(rows: number): Promise<Run> {
  const random = new Random("bench");
  const weights = {
    WEnc: random.normalTensor([D, F], 0, D ** -0.5),
    bEnc: tf.fill([F], BIAS),
    WDec: tf.zeros([F, D]),
    bDec: tf.zeros([D]),
  };
  const sae = new Sae({ architecture: "standard", dIn: D, dSae: F, applyBDecToInput: true }, weights);
  const x = random.normalTensor([KEPT, D]);
  const kept = await x.data<"float32">();
  x.dispose();
  // Rows come from a few that are kept, turned a little further each time: their number costs no memory.
  const source: ActivationSource = {
    width: D,
    rows,
    gather(indices, into) {
      indices.forEach((row, i) => {
        const one = kept.subarray((row % KEPT) * D, ((row % KEPT) + 1) * D);
        const turn = Math.floor(row / KEPT) % D;
        into.set(one.subarray(turn), i * D);
        into.set(one.subarray(0, turn), (i + 1) * D - turn);
      });
    },
  };
  await featureStatistics(sae, memorySource(kept.slice(0, 1024 * D), D)); // warm
  const start = performance.now();
  const statistics = await featureStatistics(sae, source);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, peak: process.resourceUsage().maxRSS * 1024, l0: statistics.density.result().l0 };
}

async function main(): Promise<void> {
  if (process.argv[2] === "pass") {
    console.log(JSON.stringify(await pass(Number(process.argv[3]))));
    return;
  }
  const rows = Number(process.argv[2] ?? 8192);
  const rounds = Number(process.argv[3] ?? 3);
  const python = process.env.VITRINE_REFERENCE_PYTHON;
  const own = (count: number): Run => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [...process.execArgv, __filename, "pass", String(count)],
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`analysis.bench: expected a pass to end well, got ${stderr}`);
    return JSON.parse(stdout.trim().split("\n").at(-1) as string);
  };
  const peer = (): Run => {
    const script = join(__dirname, "fixtures", "bench.py");
    const given = [script, rows, D, F, BIAS].map(String);
    return JSON.parse(execFileSync(python as string, given, { encoding: "utf8" }));
  };
  const results: { mine: Run; theirs?: Run }[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push({ mine: own(rows), theirs: python ? peer() : undefined });
  }
  const line = (name: string, runs: Run[]) => {
    const rates = runs.map(({ seconds }) => rows / seconds);
    const peak = Math.max(...runs.map((run) => run.peak)) / 1e9;
    console.log(
      `  ${name.padEnd(10)} ${spread(rates, 0)} pictures/s  peak ${peak.toFixed(2)} GB  L0 ${runs[0].l0.toFixed(1)}`,
    );
  };
  console.log(`feature statistics of ${rows} rows, D ${D}, F ${F}, ${rounds} rounds`);
  line(
    "Vitrine",
    results.map(({ mine }) => mine),
  );
  if (python) {
    const theirs = results.flatMap((round) => (round.theirs ? [round.theirs] : []));
    line("PyTorch", theirs);
    const ratios = results.map(({ mine }, i) => theirs[i].seconds / mine.seconds);
    console.log(`  Vitrine is ${spread(ratios, 2)} times as fast`);
  } else console.log("  PyTorch: not run (set VITRINE_REFERENCE_PYTHON to a Python that has it)");
  const more = own(4 * rows);
  console.log(
    `  with ${4 * rows} rows: ${((4 * rows) / more.seconds).toFixed(0)} pictures/s, peak ${(more.peak / 1e9).toFixed(2)} GB`,
  );
}

main();
