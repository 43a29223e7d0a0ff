/** A plain Plotly figure, as lib/plot makes them, shown as a figure. */
import type { MimeBundle } from "../executor/contract";

const mime = "application/vnd.plotly.v1+json";
const fields = new Set(["data", "layout", "config", "frames"]);

/** Undefined for what is no figure: an object of just Plotly's fields, with traces of a type or with values. */
export function figureBundle(value: unknown): MimeBundle | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { data, layout } = value as Record<string, unknown>;
  if (!Array.isArray(data) || typeof layout !== "object" || layout === null) return undefined;
  if (!Object.keys(value).every((field) => fields.has(field)) || !data.every(isTrace)) return undefined;
  const kinds = data.map(({ type = "scatter" }) => type).join(", ");
  return { [mime]: value, "text/plain": `figure: ${kinds || "no traces"}` };
}

function isTrace(trace: unknown): trace is { type?: string } {
  if (typeof trace !== "object" || trace === null) return false;
  return ["type", "x", "y", "z"].some((field) => field in trace);
}
