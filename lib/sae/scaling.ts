/** The change of units that training may run in, and how the finished SAE forgets it. */
import type { SaeTrainingConfig } from "./config";
import { meanRow } from "./init";

/** Training sees x' = scale · (x - centre). */
export interface InputScaling {
  scale: number;
  /** [D] */
  centre: Float32Array;
}

/**
 * Estimates the scaling from `rows` [N·D]. "expected_average_only_in" gives scale = √D / mean ‖x - centre‖₂, so that
 * the mean norm becomes √D (SAELens).
 */
export function inputScaling(
  rows: Float32Array,
  width: number,
  config: Pick<SaeTrainingConfig, "normalizeActivations" | "centreInputs">,
): InputScaling {
  const centre = config.centreInputs ? meanRow(rows, width) : new Float32Array(width);
  if (config.normalizeActivations === "none") return { scale: 1, centre };
  let norms = 0;
  for (let i = 0; i < rows.length; i += width) {
    let squared = 0;
    for (let d = 0; d < width; d++) squared += (rows[i + d] - centre[d]) ** 2;
    norms += Math.sqrt(squared);
  }
  if (norms === 0) throw new Error("inputScaling: expected rows that differ from their centre, got none");
  return { scale: (Math.sqrt(width) * rows.length) / width / norms, centre };
}

/** Brings `rows` [N·D] into training's units, in place. */
export function scaleInPlace(rows: Float32Array, width: number, { scale, centre }: InputScaling): void {
  for (let i = 0; i < rows.length; i += width) {
    for (let d = 0; d < width; d++) rows[i + d] = (rows[i + d] - centre[d]) * scale;
  }
}
