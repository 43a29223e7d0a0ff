/** Kills runs with SIGKILL at random moments of their training and resumes them until they end. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../tensor";

export interface KilledRun {
  /** Steps last heard of before each kill. */
  killedAt: number[];
  /** Hash of weights and metrics in the end. */
  hash: string;
}

/** Steps of the longest SAE of `kill-run.ts`. */
const STEPS = 240;

/** The hash of a run that nobody kills. */
export async function unharmedRun(): Promise<string> {
  const { hash } = await killedRun(0, 0);
  return hash;
}

/**
 * Starts a run and kills it `kills` times: each time a random step of those that are left is waited for, then a random
 * fraction of a few steps' time, so that a kill falls anywhere: in a step, an evaluation, while files are written.
 */
export async function killedRun(seed: number, kills: number): Promise<KilledRun> {
  const random = new Random(`kill/${seed}`);
  const folder = mkdtempSync(join(tmpdir(), "vitrine-kill-"));
  try {
    const killedAt: number[] = [];
    for (;;) {
      const from = killedAt[killedAt.length - 1] ?? 0;
      const moment =
        killedAt.length < kills
          ? { step: from + random.uniform() * (STEPS - 10 - from), fraction: random.uniform() }
          : undefined;
      const { hash, lastStep } = await start(folder, moment);
      if (hash !== undefined) return { killedAt, hash };
      killedAt.push(lastStep);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Outcome {
  /** Printed by a run that ended. */
  hash: string | undefined;
  lastStep: number;
}

/** One process, killed at `moment`. */
function start(folder: string, moment: { step: number; fraction: number } | undefined): Promise<Outcome> {
  const child = spawn(process.execPath, ["--import", "tsx", join(__dirname, "kill-run.ts"), folder], {
    cwd: join(__dirname, "../.."),
    env: { ...process.env, NODE_TEST_CONTEXT: "", VITRINE_KILL_RUN: moment ? "killed" : "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [printed, complaint, heardAt] = ["", "", performance.now()];
  let timer: NodeJS.Timeout | undefined;
  const lastStep = () => Number([...printed.matchAll(/step (\d+)\n/g)].pop()?.[1] ?? 0);
  child.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  child.stdout.on("data", (chunk) => {
    printed += chunk;
    const sinceLast = performance.now() - heardAt;
    heardAt = performance.now();
    if (!moment || timer || lastStep() < moment.step) return;
    // Lines come every five steps.
    timer = setTimeout(() => child.kill("SIGKILL"), moment.fraction * Math.min(2 * sinceLast, 500));
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code !== 0 && signal !== "SIGKILL")
        return reject(new Error(`kill-run: expected code 0, got ${code ?? signal}\n${complaint}`));
      resolve({ hash: /hash ([0-9a-f]{64})/.exec(printed)?.[1], lastStep: lastStep() });
    });
  });
}
