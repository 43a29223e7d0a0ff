/** What a run tells of itself while it goes: a record a line, and all of them as one table. */

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
  /** What `evaluate` measured of the SAE after this step, where it was asked. */
  heldOut?: Record<string, number>;
}

/** A record's numbers by names with dots: loss, losses.mse, heldOut.fvu, … */
export function flatMetrics(metrics: TrainingMetrics): Record<string, number> {
  const { losses, heldOut = {}, ...plain } = metrics;
  const inner = (prefix: string, values: Record<string, number>) =>
    Object.entries(values).map(([name, value]): [string, number] => [`${prefix}.${name}`, value]);
  const flat = Object.entries(plain).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries([...flat, ...inner("losses", losses), ...inner("heldOut", heldOut)]);
}

/** All records as CSV with a header, a column a number, empty where a record has none: what danfojs or pandas reads. */
export function metricsTable(records: readonly TrainingMetrics[]): string {
  const rows = records.map(flatMetrics);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => columns.map((column) => row[column] ?? "").join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}
