/** Tables for a person to read: HTML that follows JupyterLab's theme, and the same as aligned text. */
import { DISPLAY, type Displayable } from "./display";

/** A value of a table. */
export type Cell = string | number | boolean | bigint | null | undefined;

/** A function from the value to text, or a number of significant digits. */
export type CellFormat = number | ((value: Cell) => string);

export interface TableOptions {
  /** Column names in order; default: all names in order of appearance. */
  columns?: string[];
  /** Format of a column's values; default: integers with thousands separators, other numbers to 4 significant digits. */
  formats?: Record<string, CellFormat>;
  /** A line above the table. */
  caption?: string;
  /** Most rows shown, the rest is counted; default 50. */
  maxRows?: number;
  /** A column whose values head the table's columns while the others become its rows: for a few records with many fields. */
  across?: string;
}

/** The part of a danfojs DataFrame that a table needs. */
export interface DataFrameLike {
  readonly columns: string[];
  readonly values: unknown;
}

export function isDataFrame(value: unknown): value is DataFrameLike {
  if (typeof value !== "object" || value === null || !("columns" in value) || !("values" in value))
    return false;
  const { columns, values } = value;
  return Array.isArray(columns) && Array.isArray(values) && (values.length === 0 || Array.isArray(values[0]));
}

/** A table of records, or of a danfojs DataFrame. Numbers stand to the right; everything is escaped. */
export function table(rows: Record<string, Cell>[] | DataFrameLike, options: TableOptions = {}): Displayable {
  const records = isDataFrame(rows) ? recordsOf(rows) : rows;
  if (!Array.isArray(records))
    throw new Error("table: expected an array of records or a DataFrame, got neither");
  const known = isDataFrame(rows) ? rows.columns : [...new Set(records.flatMap((row) => Object.keys(row)))];
  const { columns = known, formats = {}, caption, maxRows = 50, across } = options;
  const named = [...columns, ...Object.keys(formats), ...(across === undefined ? [] : [across])];
  const stranger = named.find((name) => records.length > 0 && !known.includes(name));
  if (stranger !== undefined)
    throw new Error(
      `table: expected columns among ${known.join(", ")}, got "${stranger}" (check the spelling)`,
    );
  const shown = records.slice(0, maxRows);
  const content: TableContent = {
    columns,
    caption,
    cells: shown.map((row) => columns.map((name) => formatCell(row[name], formats[name]))),
    numeric: columns.map((name) => shown.every((row) => row[name] == null || typeof row[name] === "number")),
    left: records.length - shown.length,
  };
  const drawn = across === undefined ? content : turned(content, columns.indexOf(across));
  return { [DISPLAY]: () => ({ "text/html": htmlOf(drawn), "text/plain": textOf(drawn) }) };
}

interface TableContent {
  columns: string[];
  caption?: string;
  cells: string[][];
  numeric: boolean[];
  left: number;
}

/** Columns as rows, headed by what stands in column `at`. */
function turned({ columns, cells, numeric, ...rest }: TableContent, at: number): TableContent {
  const others = columns.flatMap((_, i) => (i === at ? [] : [i]));
  return {
    ...rest,
    columns: [columns[at], ...cells.map((row) => row[at])],
    cells: others.map((i) => [columns[i], ...cells.map((row) => row[i])]),
    numeric: [false, ...cells.map(() => others.every((i) => numeric[i]))],
  };
}

function recordsOf({ columns, values }: DataFrameLike): Record<string, Cell>[] {
  const rows = values as Cell[][];
  return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
}

function formatCell(value: Cell, format?: CellFormat): string {
  if (typeof format === "function") return format(value);
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && format === undefined) return value.toLocaleString("en-US");
  return Number.isFinite(value) ? String(Number(value.toPrecision(format ?? 4))) : String(value);
}

/** Text as HTML text: no tag, attribute or entity can come from it. */
export function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (sign) => names[sign]);
}

// Inline styles, because untrusted notebooks lose style sheets; colours come from JupyterLab's theme where there is one.
const RULE = "1px solid var(--jp-border-color2, #d0d5db)";
const CELL = "padding:4px 12px;white-space:nowrap;";
/** Long names break into lines. */
const HEAD = "white-space:normal;max-width:13em;vertical-align:bottom;";
const SECONDARY = "color:var(--jp-ui-font-color2, #6b7280);";

function htmlOf({ columns, caption, cells, numeric, left }: TableContent): string {
  const align = (i: number) => `text-align:${numeric[i] ? "right" : "left"};`;
  const head = columns.map(
    (name, i) => `<th style="${CELL}${HEAD}${align(i)}border-bottom:${RULE};">${escapeHtml(name)}</th>`,
  );
  const body = cells.map((row) => {
    const line = row.map(
      (text, i) =>
        `<td style="${CELL}${align(i)}${numeric[i] ? "font-variant-numeric:tabular-nums;" : ""}">${escapeHtml(text)}</td>`,
    );
    return `<tr>${line.join("")}</tr>`;
  });
  const title = caption
    ? `<caption style="caption-side:top;text-align:left;padding:4px 12px;font-weight:600;">${escapeHtml(caption)}</caption>`
    : "";
  const rest = left > 0 ? `<p style="margin:4px 12px;${SECONDARY}">${escapeHtml(moreRows(left))}</p>` : "";
  return `<table style="border-collapse:collapse;margin:4px 0;">${title}<thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table>${rest}`;
}

function textOf({ columns, caption, cells, numeric, left }: TableContent): string {
  const widths = columns.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i].length)));
  const line = (row: string[]) =>
    row
      .map((text, i) => (numeric[i] ? text.padStart(widths[i]) : text.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [
    ...(caption ? [caption] : []),
    line(columns),
    rule,
    ...cells.map(line),
    ...(left > 0 ? [moreRows(left)] : []),
  ].join("\n");
}

function moreRows(count: number): string {
  return `… and ${count.toLocaleString("en-US")} more rows`;
}
