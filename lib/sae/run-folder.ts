/** A run's folder: config, environment, metrics, checkpoints and the finished SAE; each file is whole or absent. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { cacheFolder, takeFolder, writeFileAtomic } from "../io";
import { tensorflowBuild } from "../tensor";
import { CheckpointFolder } from "./checkpoint";
import {
  resolveTrainingConfig,
  type SaeTrainingConfig,
  type SaeTrainingOptions,
  trainingConfigHash,
} from "./config";
import { metricsTable, type TrainingMetrics } from "./metrics";
import { decides, type Stopping } from "./stopping";

/** Of the run folder; goes up when what is in it changes. */
const RUN_FORMAT = 2;

/** What config.json holds: everything that the run's result depends on. */
export interface RunConfig {
  format: typeof RUN_FORMAT;
  config: SaeTrainingConfig;
  /** Names rows and order: `contentHash` of the stream, and the seed of the order. */
  data: string;
  /** When the run may end before its last step, and which of its states is kept. */
  stopping: Stopping;
}

/** `.vitrine/runs/NAME` in the project: one folder for each set of options and data, so that a rerun finds its own. */
export function defaultRunFolder(
  options: SaeTrainingOptions,
  source: { width: number; contentHash?: string },
): string {
  const config = resolveTrainingConfig(options, source.width);
  // Runs of another format are left alone: they cannot be gone on from.
  return cacheFolder("runs", trainingConfigHash(config, `${source.contentHash ?? ""}#${RUN_FORMAT}`));
}

/** The files of one run. */
export class RunFolder {
  readonly checkpoints: CheckpointFolder;

  constructor(readonly path: string) {
    this.checkpoints = new CheckpointFolder(join(path, "checkpoints"));
  }

  /** The finished SAE, in SAELens's format. */
  get saePath(): string {
    return join(this.path, "sae");
  }
  get metricsPath(): string {
    return join(this.path, "metrics.jsonl");
  }
  private get configPath(): string {
    return join(this.path, "config.json");
  }

  /** Whether the finished SAE is there. */
  isFinished(): boolean {
    return existsSync(join(this.saePath, "cfg.json"));
  }

  /** Until the function that it returns is called no other process may train here. Throws while another one does. */
  take(): () => void {
    return takeFolder(this.path);
  }

  /** Deletes it. Throws while another process trains in it. */
  remove(): void {
    if (!existsSync(this.path)) return;
    this.take();
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Starts a run in a new folder, or joins one with the same config and data. Throws on a run of another kind. */
  async open(run: Omit<RunConfig, "format">): Promise<void> {
    mkdirSync(this.path, { recursive: true });
    const mine = `${JSON.stringify({ format: RUN_FORMAT, ...run } satisfies RunConfig, null, 2)}\n`;
    if (!existsSync(this.configPath)) {
      if (this.checkpoints.steps().length > 0) {
        throw new Error(
          `${this.path}: expected config.json beside the checkpoints, got none (do: delete the folder)`,
        );
      }
      await writeFileAtomic(this.configPath, mine);
    }
    const there = JSON.parse(readFileSync(this.configPath, "utf8")) as RunConfig;
    const wanted = JSON.parse(mine) as RunConfig;
    const differ = Object.keys({ ...there.config, ...wanted.config }).filter(
      (key) => !isDeepStrictEqual(Reflect.get(there.config, key), Reflect.get(wanted.config, key)),
    );
    for (const key of ["data", "format"] as const) {
      if (there[key] !== wanted[key]) differ.push(key);
    }
    // Evaluations that decide nothing do not change what is trained.
    const matters = [there.stopping, wanted.stopping].some(decides);
    if (matters && !isDeepStrictEqual(there.stopping, wanted.stopping)) differ.push("stopping");
    if (differ.length > 0) {
      throw new Error(
        `${this.path}: expected a run of this config, got one that differs in ${differ.join(", ")} (do: use another folder, or restart: true)`,
      );
    }
    await writeFileAtomic(join(this.path, "environment.json"), `${JSON.stringify(environment(), null, 2)}\n`);
  }

  /** Adds a line to metrics.jsonl. */
  appendMetrics(metrics: TrainingMetrics): void {
    appendFileSync(this.metricsPath, `${JSON.stringify(metrics)}\n`);
  }

  /** The lines up to `step`; a line that a kill cut short is left out. */
  readMetrics(step = Number.POSITIVE_INFINITY): TrainingMetrics[] {
    if (!existsSync(this.metricsPath)) return [];
    const lines = readFileSync(this.metricsPath, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as TrainingMetrics).filter((metrics) => metrics.step <= step);
  }

  /** Drops the lines after `step` and gives back those that stay. */
  async rewindMetrics(step: number): Promise<TrainingMetrics[]> {
    const kept = this.readMetrics(step);
    await writeFileAtomic(this.metricsPath, kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(""));
    return kept;
  }

  /** Writes metrics.csv. */
  async writeTable(metrics: readonly TrainingMetrics[]): Promise<void> {
    await writeFileAtomic(join(this.path, "metrics.csv"), metricsTable(metrics));
  }
}

/** What the run ran on; nothing in it names the machine. */
function environment(): object {
  const { version, device } = tensorflowBuild();
  const processors = cpus();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    tensorflow: version,
    device,
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    written: new Date().toISOString(),
  };
}
