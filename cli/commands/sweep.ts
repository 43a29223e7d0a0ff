/** `npx vitrine sweep`: trains a grid or random draws of options on one stream; table and Pareto plot at the end (--help). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  checkJob,
  heldOutEvaluation,
  openJob,
  paretoFront,
  planSweep,
  type SweepPlan,
  type SweepPoint,
  withSettings,
} from "../../lib/analysis";
import { cacheFolder, sha256, writeFileAtomic } from "../../lib/io";
import { figurePng, stopPictures } from "../../lib/notebook";
import { paretoFigure } from "../../lib/plot";
import { type MemberResult, type SweepMember, trainSaes } from "../../lib/sae";
import { collectingLine, readJobFile, stopSignal } from "../training-command";

const USAGE = `npx vitrine sweep SWEEP.json [-p NAME=VALUE]... [options]

  -p NAME=VALUE    sets a field of the file, as with npx vitrine train
  --run FOLDER     folder of all runs (default: .vitrine/sweeps, under the hash of the file and settings)
  --together N     SAEs on one stream at a time (default 8)

SWEEP.json is what npx vitrine train takes, and
  "sweep": {"grid": {"k": [16, 32, 64], "learningRate": [5e-4, 1e-3]}}
  or {"random": {"learningRate": {"log": [1e-4, 1e-2]}, "k": [16, 32, 64]}, "trials": 20, "seed": 1}
Each run has a folder of its own; summary.csv and pareto.png come at the end. Run again, it goes on where it stopped.`;

interface Row extends SweepPoint {
  architecture: string;
  explainedVariance: number;
  deadFeatures: number;
  note: string;
}

export async function run(argv: string[]): Promise<number> {
  const given = await readJobFile("sweep", argv, USAGE, { together: { type: "string", default: "8" } });
  if (!given) return 0;
  const { path, json, values } = given;
  const together = Number(values.together);
  if (!(Number.isInteger(together) && together > 0)) {
    throw new Error(`sweep: expected --together to be a whole number above 0, got "${values.together}"`);
  }
  const { sweep, ...rest } = json as { sweep?: SweepPlan };
  if (!sweep) throw new Error(`${path}: expected "sweep" with "grid" or "random", got none`);
  const job = withSettings(checkJob(rest, path), values.parameter);
  const members = planSweep(job.sae, sweep);
  const folder = values.run ?? cacheFolder("sweeps", sha256(JSON.stringify([job, sweep])).slice(0, 16));
  await mkdir(folder, { recursive: true });
  console.log(`${members.length} runs in ${folder}`);
  const signal = stopSignal();
  try {
    const { clip, train, heldOut, metadata } = await openJob(job, { onProgress: collectingLine(), signal });
    const rows: Row[] = [];
    for (const group of groups(members, together)) {
      const results = await trainSaes(train, group, {
        metricsEvery: 100,
        ...job.watch,
        runFolder: folder,
        evaluate: heldOutEvaluation(heldOut),
        onMetrics: ({ step, fvu, l0, heldOut: held }, name) => {
          if (held)
            console.log(
              `${name}  step ${step}  FVU ${fvu.toFixed(4)}  L0 ${l0.toFixed(1)}  held-out FVU ${held.fvu.toFixed(4)}`,
            );
        },
        metadata,
        signal,
      });
      for (const result of results) {
        rows.push(summary(result));
        if ("sae" in result) result.sae.dispose();
      }
    }
    clip.dispose();
    await report(folder, rows);
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    console.log("sweep: stopped; the same command goes on from here");
    return 130;
  } finally {
    stopPictures();
  }
}

/** Members that can share a stream, at most `together` at a time. */
function groups(members: readonly SweepMember[], together: number): SweepMember[][] {
  const bySize = new Map<number, SweepMember[]>();
  for (const member of members) {
    const size = member.options.batchSize ?? 1024;
    bySize.set(size, [...(bySize.get(size) ?? []), member]);
  }
  return [...bySize.values()].flatMap((same) =>
    Array.from({ length: Math.ceil(same.length / together) }, (_, i) =>
      same.slice(i * together, (i + 1) * together),
    ),
  );
}

function summary(result: MemberResult): Row {
  const { name, config, metrics } = result;
  const last = [...metrics].reverse().find(({ heldOut }) => heldOut);
  const fvu = "sae" in result ? (last?.heldOut?.fvu ?? Number.NaN) : Number.NaN;
  return {
    name,
    architecture: config.architecture,
    fvu,
    l0: last?.heldOut?.l0 ?? Number.NaN,
    explainedVariance: 1 - fvu,
    deadFeatures: last?.deadFeatures ?? Number.NaN,
    note: "failure" in result ? result.failure.reason : "",
  };
}

/** Table on the screen, summary.csv and pareto.png. */
async function report(folder: string, rows: readonly Row[]): Promise<void> {
  const front = paretoFront(rows);
  const best = new Set(front.map(({ name }) => name));
  const sorted = [...rows].sort((a, b) => a.l0 - b.l0);
  const width = Math.max(...rows.map(({ name }) => name.length), 4);
  console.log(`\n${"run".padEnd(width)}      L0      FVU   dead  on the front`);
  for (const { name, l0, fvu, deadFeatures, note } of sorted) {
    const numbers = `${l0.toFixed(1).padStart(8)} ${fvu.toFixed(4).padStart(8)} ${String(deadFeatures).padStart(6)}`;
    console.log(`${name.padEnd(width)}${numbers}  ${best.has(name) ? "*" : ""}${note}`);
  }
  const columns = ["name", "architecture", "l0", "fvu", "explainedVariance", "deadFeatures", "note"] as const;
  const quoted = (value: string | number) =>
    typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value);
  const lines = sorted.map((row) => columns.map((column) => quoted(row[column])).join(","));
  await writeFileAtomic(join(folder, "summary.csv"), `${columns.join(",")}\n${lines.join("\n")}\n`);
  const architectures = [...new Set(rows.map(({ architecture }) => architecture))];
  const figure = paretoFigure({
    title: "Reconstruction against sparsity on held-out pictures",
    groups: architectures.map((name) => ({
      name,
      points: sorted.filter(({ architecture, fvu }) => architecture === name && Number.isFinite(fvu)),
    })),
    front,
  });
  await writeFileAtomic(join(folder, "pareto.png"), [await figurePng(figure)]);
  console.log(`\nwrote summary.csv and pareto.png into ${folder}`);
}
