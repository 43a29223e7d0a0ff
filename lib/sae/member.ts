/** One SAE in a training loop: its steps, records, evaluations, checkpoints, and how it ends. */
import { type Checkpoint, readCheckpoint } from "./checkpoint";
import type { SaeTrainingConfig } from "./config";
import { EventFile } from "./event-file";
import { flatMetrics, type TrainingMetrics } from "./metrics";
import type { RunFolder } from "./run-folder";
import type { Sae, SaeMetadata } from "./sae";
import { loadSae, saveSae } from "./saelens";
import { bestOf, collapse, type Stopping, TrainingFailure } from "./stopping";
import type { RowStream, StreamState } from "./stream";
import { SaeTraining } from "./training";

/** How one SAE is watched and kept. */
export interface MemberWatch {
  /** Called with each metrics record, those of a resumed run's past included. */
  onMetrics?: (metrics: TrainingMetrics) => void;
  /** Steps between metrics. Default 25. The first and last step have one too. */
  metricsEvery?: number;
  /** Called after a checkpoint was taken; its file is being written then. */
  onCheckpoint?: (checkpoint: { step: number; folder: string }) => void;
  /** Steps between checkpoints. Default 500. */
  checkpointEvery?: number;
  /** Newest checkpoints that are kept, beside the best one. Default 2. */
  keepLast?: number;
  /** Measures the SAE as it is, on held-out rows for instance; its numbers become `heldOut` of the record. */
  evaluate?: (sae: Sae, step: number) => Promise<Record<string, number>>;
  /** Steps between evaluations. Default 500. The last step has one too. */
  evaluateEvery?: number;
  /** Which of the numbers of `evaluate` decides what is best; the least is. Default "fvu". */
  bestMetric?: string;
  /** Ends the run after so many evaluations without a new best. Default 0: never. */
  patience?: number;
  /** The finished SAE is the best state's instead of the last one's; needs a run folder. Default: where `patience` is set. */
  restoreBest?: boolean;
  /** Also writes TensorBoard event files into the run folder. Default false. */
  tensorboard?: boolean;
  /** Kept with the finished SAE: model_name, hook_name, dataset_path, … */
  metadata?: SaeMetadata;
}

/** How one of several SAEs ended. */
export type MemberResult = { name: string; config: SaeTrainingConfig; metrics: TrainingMetrics[] } & (
  | { sae: Sae; step: number; cached: boolean }
  | { failure: TrainingFailure }
);

export class Member {
  private training: SaeTraining | undefined;
  private metrics: TrainingMetrics[] = [];
  private finished: { sae: Sae; step: number; cached: boolean } | undefined;
  private failure: TrainingFailure | undefined;
  private events: EventFile | undefined;
  private release: (() => void) | undefined;

  private constructor(
    readonly name: string,
    readonly config: SaeTrainingConfig,
    private readonly folder: RunFolder | undefined,
    private readonly watch: MemberWatch,
    private readonly stopping: Stopping,
  ) {}

  /** Opens or makes the folder; a finished run is read back. */
  static async open(
    name: string,
    config: SaeTrainingConfig,
    folder: RunFolder | undefined,
    watch: MemberWatch,
    data: string,
  ): Promise<Member> {
    const {
      evaluate,
      evaluateEvery = 500,
      bestMetric = "fvu",
      patience = 0,
      restoreBest = patience > 0,
    } = watch;
    if ((patience > 0 || restoreBest) && !evaluate) {
      throw new Error("trainSae: expected evaluate beside patience or restoreBest, got none");
    }
    if (restoreBest && !folder) throw new Error("trainSae: expected a runFolder for restoreBest, got none");
    const stopping = {
      evaluateEvery: evaluate ? evaluateEvery : 0,
      metric: bestMetric,
      patience,
      restoreBest,
    };
    await folder?.open({ config, data, stopping });
    const member = new Member(name, config, folder, watch, stopping);
    if (folder?.isFinished()) {
      member.metrics = folder.readMetrics();
      for (const metrics of member.metrics) watch.onMetrics?.(metrics);
      member.finished = { sae: await loadSae(folder.saePath), step: member.finalStep(), cached: true };
    } else member.release = folder?.take();
    return member;
  }

  get isFinished(): boolean {
    return this.finished !== undefined;
  }

  get isTraining(): boolean {
    return this.training !== undefined;
  }

  /** Steps of which there is a checkpoint, rising. */
  checkpoints(): number[] {
    return this.folder?.checkpoints.steps() ?? [];
  }

  checkpointPath(step: number): string {
    return (this.folder as RunFolder).checkpoints.pathOf(step);
  }

  /** Takes over `training` and goes on from its step. */
  async begin(training: SaeTraining): Promise<void> {
    this.training = training;
    const { folder } = this;
    if (folder) {
      folder.checkpoints.dropAfter(training.step);
      this.metrics = await folder.rewindMetrics(training.step);
      if (this.watch.tensorboard) {
        this.events = new EventFile(folder.path);
        for (const metrics of this.metrics)
          this.events.add(metrics.step, flatMetrics(metrics), metrics.seconds);
      }
    }
    for (const metrics of this.metrics) this.watch.onMetrics?.(metrics);
    if (training.step >= this.config.steps || this.hasLostPatience()) await this.finish();
  }

  /** One step on raw rows [B·D], and whatever is due after it. */
  async advance(rows: Float32Array, stream: RowStream, signal: AbortSignal | undefined): Promise<void> {
    const training = this.training as SaeTraining;
    const { config, watch, stopping } = this;
    const { metricsEvery = 25, checkpointEvery = 500, evaluate } = watch;
    const number = training.step + 1;
    const isLast = number === config.steps;
    const evaluates =
      evaluate !== undefined &&
      (isLast || (stopping.evaluateEvery > 0 && number % stopping.evaluateEvery === 0));
    const measures = number === 1 || number % metricsEvery === 0 || isLast || evaluates;
    const { metrics, failure } = training.takeStep(rows, measures);
    if (failure !== undefined) return this.fail(number, failure);
    if (metrics) {
      if (evaluates) {
        const sae = training.sae(watch.metadata ?? {});
        try {
          metrics.heldOut = await evaluate(sae, number);
        } finally {
          sae.dispose();
        }
      }
      this.metrics.push(metrics);
      const reason = collapse(this.metrics, config.warmUpSteps);
      this.folder?.appendMetrics(metrics);
      this.events?.add(number, flatMetrics(metrics), metrics.seconds);
      watch.onMetrics?.(metrics);
      if (reason !== undefined) return this.fail(number, reason);
    }
    const isBest = evaluates && bestOf(this.metrics, stopping)?.step === number;
    const ends = isLast || (evaluates && this.hasLostPatience());
    // An aborted loop takes its own checkpoint of the same step.
    const due = number % checkpointEvery === 0 || isBest;
    if (ends || (due && !signal?.aborted)) await this.checkpoint(stream.state());
    if (ends) await this.finish();
  }

  /** Copies the state and has it written while training goes on. */
  async checkpoint(place: StreamState): Promise<void> {
    const { folder, training, watch } = this;
    if (!folder || !training) return;
    const best = bestOf(this.metrics, this.stopping)?.step;
    const keep = best === undefined ? [] : [best];
    await folder.checkpoints.write(training.snapshot(place), watch.keepLast ?? 2, keep);
    watch.onCheckpoint?.({ step: training.step, folder: folder.path });
  }

  /** Resolves when its checkpoint is on disk. */
  async settled(): Promise<void> {
    await this.folder?.checkpoints.settled();
  }

  /** What came of it; the SAE is the caller's from then on. */
  async result(): Promise<MemberResult> {
    const { name, config, metrics, failure } = this;
    if (failure) return { name, config, metrics, failure };
    if (!this.finished) throw new Error(`internal: ${name} has neither ended nor failed`);
    return { name, config, metrics, ...this.finished };
  }

  /** Frees a finished SAE that nobody will get. */
  forget(): void {
    this.finished?.sae.dispose();
    this.finished = undefined;
  }

  /** Frees what training needs, and the folder. */
  dispose(): void {
    this.endTraining();
    this.release?.();
    this.release = undefined;
  }

  private endTraining(): void {
    this.training?.dispose();
    this.training = undefined;
    this.events = undefined;
  }

  private hasLostPatience(): boolean {
    const { patience } = this.stopping;
    return patience > 0 && (bestOf(this.metrics, this.stopping)?.since ?? 0) >= patience;
  }

  /** The step that the finished SAE is of. */
  private finalStep(): number {
    const last = this.metrics[this.metrics.length - 1]?.step ?? 0;
    return this.stopping.restoreBest ? (bestOf(this.metrics, this.stopping)?.step ?? last) : last;
  }

  private async finish(): Promise<void> {
    const { folder, config, watch } = this;
    const training = this.training as SaeTraining;
    await this.settled();
    const step = this.finalStep();
    let sae: Sae;
    if (folder && step !== training.step) {
      const checkpoint: Checkpoint = await readCheckpoint(this.checkpointPath(step));
      const best = SaeTraining.resume(config, checkpoint);
      sae = best.sae(watch.metadata ?? {});
      best.dispose();
    } else sae = training.sae(watch.metadata ?? {});
    this.endTraining();
    await folder?.writeTable(this.metrics);
    if (folder) await saveSae(folder.saePath, sae);
    this.finished = { sae, step: this.metrics.length > 0 ? step : 0, cached: false };
  }

  private async fail(step: number, reason: string): Promise<void> {
    await this.settled();
    const steps = this.checkpoints();
    const last = steps.length > 0 ? this.checkpointPath(steps[steps.length - 1]) : undefined;
    this.failure = new TrainingFailure(step, reason, last);
    this.dispose();
  }
}
