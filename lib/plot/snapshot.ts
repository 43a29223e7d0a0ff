/** Test support: compares a figure with its stored copy in fixtures/, numbers rounded to five significant digits. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PlotlyAxis, type PlotlyFigure, unpackNumbers } from "./figure";

function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(5));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  if ("bdata" in value && "dtype" in value)
    return Array.from(unpackNumbers({ dtype: "f4", bdata: String(value.bdata) }), (v) =>
      Number.isNaN(v) ? null : rounded(v),
    );
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
}

/** Fails when the figure differs from fixtures/<name>.json; UPDATE_SNAPSHOTS=1 writes the file instead. */
export function matchSnapshot(name: string, figure: PlotlyFigure): void {
  const path = join(__dirname, "fixtures", `${name}.json`);
  const actual = JSON.parse(JSON.stringify(rounded(figure)));
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(path, `${JSON.stringify(actual)}\n`);
  assert.deepEqual(actual, JSON.parse(readFileSync(path, "utf8")));
}

/**
 * Fails when an axis does not say what it measures. Small multiples name a y axis in the label that stands on its panel,
 * and the shared x axis under the lowest panel.
 */
export function assertAxesNamed({ data, layout }: PlotlyFigure): void {
  const labels = (layout.annotations ?? []).filter(({ text }) => /\(.+\)/.test(text));
  for (const trace of data) {
    const x = layout[`xaxis${trace.xaxis?.slice(1) ?? ""}`];
    const y = layout[`yaxis${trace.yaxis?.slice(1) ?? ""}`];
    const xAxes = Object.entries(layout).flatMap(([key, axis]) =>
      key.startsWith("xaxis") ? [axis as PlotlyAxis] : [],
    );
    assert.ok(
      x.title?.text || xAxes.some((other) => other.matches === "x" && other.title?.text),
      "an x axis has no title",
    );
    assert.ok(y.title?.text || labels.some((label) => label.y === y.domain?.[1]), "a y axis has no title");
  }
}
