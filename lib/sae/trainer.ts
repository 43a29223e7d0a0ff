/** Trains SAEs, one or several on one stream: a loop that can be watched, interrupted, killed, and resumed to the same bits. */
import { join } from "node:path";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { collectGarbage } from "../tensor";
import type { BufferOptions } from "./buffer";
import { readCheckpoint } from "./checkpoint";
import { resolveTrainingConfig, type SaeTrainingConfig, type SaeTrainingOptions } from "./config";
import { Member, type MemberResult, type MemberWatch } from "./member";
import type { TrainingMetrics } from "./metrics";
import { RunFolder } from "./run-folder";
import type { Sae } from "./sae";
import type { ActivationProducer, ActivationSource } from "./source";
import { openStream, type RowStream } from "./stream";
import { SaeTraining } from "./training";

/** How a run is watched and kept. */
export interface TrainSaeOptions extends MemberWatch, BufferOptions {
  /** Folder for config, metrics, checkpoints and the finished SAE. Without it nothing is written. */
  runFolder?: string;
  /** Starts over even where `runFolder` holds a run. Default false: it goes on, or returns at once when finished. */
  restart?: boolean;
  /** Stops the run: it writes its checkpoint, then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface TrainSaeResult {
  /** In the units of the raw inputs; owned by the caller. */
  sae: Sae;
  metrics: TrainingMetrics[];
  /** The options with their defaults. */
  config: SaeTrainingConfig;
  /** The step that the SAE is of: the last one, or the best one with `restoreBest`. */
  step: number;
  /** Whether a finished run was read back, so that nothing was trained. */
  cached: boolean;
}

/** One of several SAEs on one stream. */
export interface SweepMember {
  name: string;
  options: SaeTrainingOptions;
  /** Its own run folder. Default: `NAME` in the run folder of all. */
  runFolder?: string;
}

export interface TrainSaesOptions extends Omit<TrainSaeOptions, "onMetrics" | "onCheckpoint"> {
  onMetrics?: (metrics: TrainingMetrics, name: string) => void;
  onCheckpoint?: (checkpoint: { step: number; folder: string }, name: string) => void;
}

/**
 * Trains on `source` for `options.steps` steps. Same options and rows, same bits, however often the run was stopped, killed
 * and resumed between. Throws `TrainingFailure` when a loss is not finite or the run collapses, and an error when
 * `runFolder` holds another run, or another process trains there.
 */
export async function trainSae(
  source: ActivationSource | ActivationProducer,
  options: SaeTrainingOptions,
  watch: TrainSaeOptions = {},
): Promise<TrainSaeResult> {
  const config = resolveTrainingConfig(options, source.width);
  const [result] = await trainTogether(source, [{ name: "", config, watch }], watch);
  if ("failure" in result) throw result.failure;
  const { sae, metrics, step, cached } = result;
  return { sae, metrics, config, step, cached };
}

/**
 * Trains several SAEs on one stream, so that activations are made or read once for all of them. Each has a run folder of
 * its own; those that are finished are read back. All need the same `batchSize`; the order of rows follows the first one's
 * seed, so one that has the same seed ends with the bits of training alone. One that fails does not stop the others.
 */
export async function trainSaes(
  source: ActivationSource | ActivationProducer,
  members: readonly SweepMember[],
  { onMetrics, onCheckpoint, ...watch }: TrainSaesOptions = {},
): Promise<MemberResult[]> {
  const names = new Set(members.map(({ name }) => name));
  if (members.length === 0 || names.size < members.length || names.has("")) {
    throw new Error(
      `trainSaes: expected members with different names, got ${members.map(({ name }) => `"${name}"`).join(", ") || "none"}`,
    );
  }
  const runs = members.map(
    ({ name, options, runFolder = watch.runFolder && join(watch.runFolder, name) }) => ({
      name,
      config: resolveTrainingConfig(options, source.width),
      watch: {
        ...watch,
        runFolder,
        // A kill leaves members up to two checkpoints apart; they go on from one that all have.
        keepLast: Math.max(3, watch.keepLast ?? 3),
        onMetrics: onMetrics && ((metrics: TrainingMetrics) => onMetrics(metrics, name)),
        onCheckpoint:
          onCheckpoint && ((checkpoint: { step: number; folder: string }) => onCheckpoint(checkpoint, name)),
      },
    }),
  );
  const folders = runs.flatMap(({ watch: { runFolder } }) => runFolder ?? []);
  const shared = folders.find((folder, i) => folders.indexOf(folder) < i);
  if (shared) throw new Error(`trainSaes: expected a run folder for each member, got ${shared} for two`);
  const sizes = new Set(runs.map(({ config }) => config.batchSize));
  if (sizes.size > 1) throw new Error(`trainSaes: expected one batchSize, got ${[...sizes].join(", ")}`);
  return await trainTogether(source, runs, watch);
}

interface Run {
  name: string;
  config: SaeTrainingConfig;
  watch: TrainSaeOptions;
}

async function trainTogether(
  source: ActivationSource | ActivationProducer,
  runs: readonly Run[],
  { restart, signal, bufferRows }: TrainSaeOptions,
): Promise<MemberResult[]> {
  for (const { watch } of runs) {
    if (restart && watch.runFolder) new RunFolder(watch.runFolder).remove();
  }
  const orderSeed = runs[0].config.seed;
  const stream = openStream(source, orderSeed, { bufferRows });
  const members: Member[] = [];
  // Tells whoever holds the signal that something minds it: a notebook then lets the checkpoint be written.
  const minds = () => {};
  signal?.addEventListener("abort", minds);
  try {
    for (const { name, config, watch } of runs) {
      const folder = watch.runFolder === undefined ? undefined : new RunFolder(watch.runFolder);
      members.push(
        await Member.open(name, config, folder, watch, `${stream.contentHash}#order-${orderSeed}`),
      );
    }
    const active = () => members.filter((member) => member.isTraining);
    await takeUp(members, stream);
    const rows = new Float32Array(runs[0].config.batchSize * stream.width);
    const checkpointAll = async () => {
      const place = stream.state();
      for (const member of active()) await member.checkpoint(place);
    };
    while (active().length > 0) {
      if (signal?.aborted) {
        await checkpointAll();
        for (const member of members) await member.settled();
        throw signal.reason;
      }
      await stream.next(rows);
      for (const member of active()) await member.advance(rows, stream, signal);
      await yieldToEvents();
    }
    return await Promise.all(members.map((member) => member.result()));
  } catch (error) {
    for (const member of members) member.forget();
    throw error;
  } finally {
    for (const member of members) member.dispose();
    await stream.close();
    signal?.removeEventListener("abort", minds);
  }
}

/** Brings stream and members to the newest step of which every unfinished member has a checkpoint, else to the start. */
async function takeUp(members: readonly Member[], stream: RowStream): Promise<void> {
  const waiting = members.filter((member) => !member.isFinished);
  const first = waiting[0]?.checkpoints() ?? [];
  const common = first.filter((step) => waiting.every((member) => member.checkpoints().includes(step)));
  const step = common[common.length - 1];
  for (const [i, member] of waiting.entries()) {
    if (step === undefined) {
      await member.begin(await SaeTraining.start(stream, member.config));
      continue;
    }
    const checkpoint = await readCheckpoint(member.checkpointPath(step));
    if (i === 0) stream.restore(checkpoint.stream);
    await member.begin(SaeTraining.resume(member.config, checkpoint));
  }
  if (waiting.length > 0) await collectGarbage();
}
