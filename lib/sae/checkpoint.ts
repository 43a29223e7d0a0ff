/** Checkpoints: everything the next step depends on, in one safetensors file each. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../io";
import { disposeAll, type NamedTensors, type ParameterStore, tf } from "../tensor";
import type { InputScaling } from "./scaling";
import type { StreamState } from "./stream";

/** What a checkpoint holds beside the optimiser's tensors and the stream's place. */
export interface TrainingState {
  step: number;
  /** Seconds of training so far. */
  seconds: number;
  scaling: InputScaling;
  /** Steps since each feature fired [F]. */
  stepsSinceFired: Int32Array;
  /** Moving average of each batch's smallest positive activation, in training's units; 0 where it is not kept. */
  activationThreshold: number;
}

const PARTS = ["values", "first", "second"] as const;
type Held = Record<(typeof PARTS)[number], NamedTensors>;

/** A copy of a run's whole state in memory, ready to be written while the run goes on. */
export interface Snapshot {
  step: number;
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
}

/** Copies the state. Throws when a parameter is not finite: such a state must not replace a good one. */
export function takeSnapshot(optimizer: ParameterStore, state: TrainingState, stream: StreamState): Snapshot {
  const tensors = new Map<string, StoredTensor>();
  const held: Held = optimizer.state();
  for (const part of PARTS) {
    for (const [name, tensor] of Object.entries(held[part])) {
      const data = tensor.dataSync<"float32">();
      tensors.set(`${part}.${name}`, { dtype: "F32", shape: tensor.shape, data });
    }
    disposeAll(held[part]);
  }
  for (const [name, { data }] of tensors) {
    if (name.startsWith("values.") && !allFinite(data as Float32Array)) {
      throw new Error(`takeSnapshot: expected finite parameters, got others in ${name.slice(7)}`);
    }
  }
  const { stepsSinceFired, scaling, ...plain } = state;
  const [dSae, dIn] = [stepsSinceFired.length, scaling.centre.length];
  tensors.set("stepsSinceFired", { dtype: "I32", shape: [dSae], data: stepsSinceFired.slice() });
  tensors.set("centre", { dtype: "F32", shape: [dIn], data: scaling.centre.slice() });
  for (const [name, tensor] of stream.tensors) tensors.set(`stream.${name}`, tensor);
  const text = JSON.stringify({ ...plain, scale: scaling.scale, position: stream.position });
  return { step: state.step, tensors, metadata: { state: text } };
}

/** A checkpoint in memory. The caller disposes `held`. */
export interface Checkpoint {
  held: Held;
  state: TrainingState;
  stream: StreamState;
}

/** Reads a checkpoint. Throws when a part of it is missing. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path);
  const { scale, position, ...plain } = JSON.parse(metadata.state) as Omit<
    TrainingState,
    "scaling" | "stepsSinceFired"
  > & { scale: number; position: Record<string, unknown> };
  const take = (name: string): StoredTensor => {
    const stored = tensors.get(name);
    if (!stored) throw new Error(`${path}: expected a tensor "${name}", got none (do: delete the file)`);
    return stored;
  };
  const stepsSinceFired = take("stepsSinceFired").data as Int32Array;
  const centre = take("centre").data as Float32Array;
  const held: Held = { values: {}, first: {}, second: {} };
  const waiting = new Map<string, StoredTensor>();
  for (const [key, stored] of tensors) {
    const [part, name] = [key.slice(0, key.indexOf(".")), key.slice(key.indexOf(".") + 1)];
    const place = PARTS.find((one) => one === part);
    if (place) held[place][name] = tf.tensor(stored.data as Float32Array, stored.shape);
    else if (part === "stream") waiting.set(name, stored);
  }
  return {
    held,
    state: { ...plain, scaling: { scale, centre }, stepsSinceFired },
    stream: { position, tensors: waiting },
  };
}

/** The checkpoints of one run: `step-00000500.safetensors` and so on. */
export class CheckpointFolder {
  /** The write that is under way. */
  private writing: Promise<void> = Promise.resolve();

  constructor(readonly path: string) {}

  pathOf(step: number): string {
    return join(this.path, `step-${String(step).padStart(8, "0")}.safetensors`);
  }

  /** Steps of which there is a checkpoint, rising. */
  steps(): number[] {
    if (!existsSync(this.path)) return [];
    const numbers = readdirSync(this.path).map((name) => /^step-(\d+)\.safetensors$/.exec(name)?.[1]);
    return numbers
      .filter((number) => number !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * Writes a snapshot in the background, after the one before; then deletes all but the newest `keepLast` and the ones
   * of `keep`. Throws what the write before threw.
   */
  async write(snapshot: Snapshot, keepLast: number, keep: readonly number[]): Promise<void> {
    await this.writing;
    this.writing = writeSafetensors(this.pathOf(snapshot.step), snapshot.tensors, snapshot.metadata).then(
      () => this.prune(keepLast, keep),
    );
    // Whoever waits for the write hears of its failure; without anyone waiting it must not end the process.
    this.writing.catch(() => {});
  }

  /** Resolves when nothing is being written any more. Throws what the last write threw. */
  async settled(): Promise<void> {
    await this.writing;
  }

  /** Deletes the checkpoints after `step`. */
  dropAfter(step: number): void {
    for (const later of this.steps().filter((one) => one > step)) rmSync(this.pathOf(later), { force: true });
  }

  private prune(keepLast: number, keep: readonly number[]): void {
    const steps = this.steps();
    for (const step of steps.slice(0, Math.max(0, steps.length - keepLast))) {
      if (!keep.includes(step)) rmSync(this.pathOf(step), { force: true });
    }
  }
}

function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
