/** A run's folder: config.json, metrics.jsonl, checkpoint.safetensors, sae/; each file is whole or absent. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { cacheFolder, readSafetensors, type StoredTensor, writeFileAtomic, writeSafetensors } from "../io";
import { disposeAll, type NamedTensors, type ParameterStore, tf } from "../tensor";
import {
  resolveTrainingConfig,
  type SaeTrainingConfig,
  type SaeTrainingOptions,
  trainingConfigHash,
} from "./config";
import type { InputScaling } from "./scaling";
import type { ActivationSource, DataPosition } from "./source";

/** One line of metrics.jsonl. Losses and `fvu` are of that step's batch, before its update. */
export interface TrainingMetrics {
  /** Steps taken, this one included. */
  step: number;
  /** Rows seen. */
  tokens: number;
  /** Sum of the loss terms. */
  loss: number;
  /** The named terms of the loss, as they are summed, in training's units. */
  losses: Record<string, number>;
  /** Mean number of features that fire on a row. */
  l0: number;
  /** Σ‖x - x̂‖² / Σ‖x - x̄‖² over the batch. */
  fvu: number;
  /** Explained variance, 1 - fvu. */
  explainedVariance: number;
  /** Features that have not fired for `deadAfterSteps` steps. */
  deadFeatures: number;
  learningRate: number;
  /** Global norm of the gradients before clipping; only where `gradientClip` is set. */
  gradientNorm?: number;
  /** Rows a second since the line before (since the start, for the first). */
  tokensPerSecond: number;
  /** Seconds of training, those before a resumption included. */
  seconds: number;
}

/** What config.json holds. */
export interface RunConfig {
  format: 1;
  config: SaeTrainingConfig;
  /** `contentHash` of the source, or "". */
  data: string;
}

/** What a checkpoint holds beside the optimiser's tensors. */
export interface TrainingState {
  step: number;
  position: DataPosition;
  seconds: number;
  scaling: InputScaling;
  /** Steps since each feature fired [F]. */
  stepsSinceFired: Int32Array;
  /** Moving average of each batch's smallest positive activation, in training's units; 0 where it is not kept. */
  activationThreshold: number;
}

const PARTS = ["values", "first", "second"] as const;

/** `.vitrine/runs/NAME` in the project: one folder for each set of options and data, so that a rerun finds its own. */
export function defaultRunFolder(options: SaeTrainingOptions, source: ActivationSource): string {
  const config = resolveTrainingConfig(options, source.width);
  return cacheFolder("runs", trainingConfigHash(config, source.contentHash));
}

/** The files of one run. */
export class RunFolder {
  constructor(readonly path: string) {}

  get saePath(): string {
    return join(this.path, "sae");
  }
  private get checkpointPath(): string {
    return join(this.path, "checkpoint.safetensors");
  }
  private get metricsPath(): string {
    return join(this.path, "metrics.jsonl");
  }
  private get configPath(): string {
    return join(this.path, "config.json");
  }

  hasCheckpoint(): boolean {
    return existsSync(this.checkpointPath);
  }

  /** Whether the finished SAE is there. */
  isFinished(): boolean {
    return existsSync(join(this.saePath, "cfg.json"));
  }

  /** Starts a run in a new folder, or joins one with the same config and data. Throws on a run of another kind. */
  async open(config: SaeTrainingConfig, data: string): Promise<void> {
    mkdirSync(this.path, { recursive: true });
    const mine = `${JSON.stringify({ format: 1, config, data } satisfies RunConfig, null, 2)}\n`;
    if (!existsSync(this.configPath)) {
      if (this.hasCheckpoint()) {
        throw new Error(
          `${this.path}: expected config.json beside the checkpoint, got none (do: delete the folder)`,
        );
      }
      await writeFileAtomic(this.configPath, mine);
      return;
    }
    const there = JSON.parse(readFileSync(this.configPath, "utf8")) as RunConfig;
    const wanted = JSON.parse(mine) as RunConfig;
    const differ = Object.keys({ ...there.config, ...wanted.config }).filter(
      (key) => !isDeepStrictEqual(Reflect.get(there.config, key), Reflect.get(wanted.config, key)),
    );
    if (there.data !== wanted.data) differ.push("data");
    if (there.format !== wanted.format) differ.push("format");
    if (differ.length > 0) {
      throw new Error(
        `${this.path}: expected a run of this config, got one that differs in ${differ.join(", ")} (do: use another folder, or restart: true)`,
      );
    }
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

  /** Writes the checkpoint: one file, so that its parts always belong together. */
  async writeCheckpoint(optimizer: ParameterStore, state: TrainingState): Promise<void> {
    const tensors = new Map<string, StoredTensor>();
    const held = optimizer.state();
    for (const part of PARTS) {
      for (const [name, tensor] of Object.entries(held[part])) {
        const data = (await tensor.data()) as Float32Array;
        tensors.set(`${part}.${name}`, { dtype: "F32", shape: tensor.shape, data });
      }
      disposeAll(held[part]);
    }
    const { stepsSinceFired, scaling, ...plain } = state;
    const [dSae, dIn] = [stepsSinceFired.length, scaling.centre.length];
    tensors.set("stepsSinceFired", { dtype: "I32", shape: [dSae], data: stepsSinceFired });
    tensors.set("centre", { dtype: "F32", shape: [dIn], data: scaling.centre });
    const text = JSON.stringify({ ...plain, scale: scaling.scale });
    await writeSafetensors(this.checkpointPath, tensors, { state: text });
  }

  /** Puts the checkpoint's tensors into `optimizer` and gives back the rest. */
  async readCheckpoint(optimizer: ParameterStore): Promise<TrainingState> {
    const { tensors, metadata } = await readSafetensors(this.checkpointPath);
    const plain = JSON.parse(metadata.state) as Omit<TrainingState, "scaling" | "stepsSinceFired"> & {
      scale: number;
    };
    const take = (name: string): StoredTensor => {
      const stored = tensors.get(name);
      if (!stored) throw new Error(`${this.checkpointPath}: expected a tensor "${name}", got none`);
      return stored;
    };
    const held = { values: {} as NamedTensors, first: {} as NamedTensors, second: {} as NamedTensors };
    for (const key of tensors.keys()) {
      const part = PARTS.find((one) => key.startsWith(`${one}.`));
      if (!part) continue;
      const { data, shape } = take(key);
      held[part][key.slice(part.length + 1)] = tf.tensor(data as Float32Array, shape);
    }
    optimizer.restore(plain.step, held);
    for (const part of PARTS) disposeAll(held[part]);
    const { scale, ...rest } = plain;
    return {
      ...rest,
      scaling: { scale, centre: take("centre").data as Float32Array },
      stepsSinceFired: take("stepsSinceFired").data as Int32Array,
    };
  }
}
