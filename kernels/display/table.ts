/** A danfojs data frame or series as an HTML table. */
import type { MimeBundle } from "../executor/contract";

/** What of a frame is used here; the kernel loads no danfojs of its own. */
interface FrameLike {
  columns: string[];
  index: (string | number)[];
  values: unknown[];
  shape: number[];
  toString(): string;
}

/** More rows are counted, not shown. */
const maxRows = 50;

/** Undefined for what is no frame. */
export function tableBundle(value: unknown): MimeBundle | undefined {
  if (!isFrame(value)) return undefined;
  const rows = value.values.slice(0, maxRows).map((row, i) => {
    const cells = Array.isArray(row) ? row : [row];
    return `<tr><th>${escapeHtml(value.index[i])}</th>${cells.map((x) => `<td>${escapeHtml(format(x))}</td>`).join("")}</tr>`;
  });
  const head = `<tr><th></th>${value.columns.map((name) => `<th>${escapeHtml(name)}</th>`).join("")}</tr>`;
  const rest = value.values.length > maxRows ? `<p>${value.values.length} rows, ${maxRows} shown</p>` : "";
  return {
    "text/html": `<table><thead>${head}</thead><tbody>${rows.join("")}</tbody></table>${rest}`,
    "text/plain": value.toString(),
  };
}

function isFrame(value: unknown): value is FrameLike {
  if (typeof value !== "object" || value === null || !("$columns" in value || "$data" in value)) return false;
  const { columns, index, values, shape } = value as Record<string, unknown>;
  return [columns, index, values, shape].every(Array.isArray);
}

function format(value: unknown): string {
  return typeof value === "number" && !Number.isInteger(value)
    ? String(Number(value.toPrecision(6)))
    : String(value);
}

function escapeHtml(value: unknown): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return String(value).replace(/[&<>"]/g, (character) => entities[character]);
}
