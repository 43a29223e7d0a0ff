/** Turns a thrown value into what a person reads: the message, then the cell's and lib's lines, without the kernel's own. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { inspect } from "node:util";
import { isOwnCode } from "../start/own-code";
import type { ErrorOutput } from "./contract";

/** A cell that can appear in a stack trace. */
export interface TracedCell {
  label: string;
  source: string;
  /** Characters of the compiler's own on the first line. */
  prefixLength: number;
}

export interface TracebackOptions {
  /** Cells by their virtual file. */
  cells: ReadonlyMap<string, TracedCell>;
  root: string;
}

interface Frame {
  functionName: string;
  fileName: string;
  line: number;
  column: number;
}

const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
const green = (text: string) => `\u001b[32m${text}\u001b[39m`;
const bold = (text: string) => `\u001b[1m${text}\u001b[22m`;

export function describeError(thrown: unknown, options: TracebackOptions): ErrorOutput {
  if (!(thrown instanceof Error) && !isErrorLike(thrown)) {
    const evalue = inspect(thrown, { depth: 2 });
    return { ename: "Thrown", evalue, traceback: [`${red(bold("Thrown"))}: ${evalue}`] };
  }
  const ename = String(thrown.name || "Error");
  const evalue = String(thrown.message);
  if (ename === "KeyboardInterrupt") return { ename, evalue, traceback: [`${red(bold(ename))}: ${evalue}`] };
  return { ename, evalue, traceback: describe(thrown, options, 0) };
}

function describe(error: Error, options: TracebackOptions, depth: number): string[] {
  const lines = [`${red(bold(String(error.name)))}: ${error.message}`];
  const frames = framesOf(error).filter(({ fileName }) => isOfInterest(fileName, options));
  let excerpts = 0;
  for (const frame of frames.slice(0, 12)) {
    const cell = options.cells.get(frame.fileName);
    const column = cell && frame.line === 1 ? Math.max(1, frame.column - cell.prefixLength) : frame.column;
    const where = cell ? `Cell ${cell.label}` : path.relative(options.root, frame.fileName);
    const name = frame.functionName ? ` ${bold(frame.functionName)}` : "";
    lines.push(`${green(`${where}:${frame.line}:${column}`)}${name}`);
    if (excerpts < 3 && !frame.fileName.includes("node_modules")) {
      lines.push(...excerpt(cell?.source ?? readSource(frame.fileName), frame.line, column));
      excerpts += 1;
    }
  }
  if (error.cause instanceof Error && depth < 3) {
    lines.push("Caused by:", ...describe(error.cause, options, depth + 1));
  }
  if (error instanceof AggregateError && depth < 1) {
    for (const inner of error.errors.slice(0, 5)) {
      if (inner instanceof Error) lines.push("Among them:", ...describe(inner, options, depth + 1));
    }
  }
  return lines;
}

/** The frames of `error.stack`, which Node has already mapped back to TypeScript. */
function framesOf(error: Error): Frame[] {
  const frames: Frame[] = [];
  for (const line of String(error.stack ?? "").split("\n")) {
    const match = /^\s+at (?:(.*?) \()?(?:file:\/\/)?(.*?):(\d+):(\d+)\)?$/.exec(line);
    if (!match) continue;
    const [, rawName = "", fileName, lineNumber, column] = match;
    const functionName = rawName.replace(/^async /, "").replace(/^(?:Module|Object)\.<anonymous>$/, "");
    const isCell = /^(?:Object|Module)\.(?:exports|runCell)$|^runCell$/.test(functionName);
    frames.push({
      functionName: isCell ? "" : functionName,
      fileName,
      line: Number(lineNumber),
      column: Number(column),
    });
  }
  return frames;
}

/** Not Node's own frames and not the kernel's, which stand below every cell. */
function isOfInterest(fileName: string, { cells, root }: TracebackOptions): boolean {
  if (cells.has(fileName)) return true;
  if (!path.isAbsolute(fileName)) return false;
  return !isOwnCode(root, fileName);
}

function readSource(fileName: string): string | undefined {
  try {
    return readFileSync(fileName, "utf8");
  } catch {
    return undefined; // A package without its sources: the frame's place is all there is.
  }
}

function excerpt(source: string | undefined, line: number, column: number): string[] {
  const all = source?.split("\n");
  if (!all || line > all.length) return [];
  const lines: string[] = [];
  for (let number = Math.max(1, line - 1); number <= Math.min(all.length, line + 1); number += 1) {
    const marker = number === line ? red("→") : " ";
    lines.push(` ${marker} ${String(number).padStart(4)} │ ${all[number - 1]}`);
    if (number === line) lines.push(`        │ ${" ".repeat(Math.max(0, column - 1))}${red("^")}`);
  }
  return lines;
}

/** Errors of another realm or of a library that imitates them. */
function isErrorLike(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  const { name, message } = value as Partial<Error>;
  return typeof name === "string" && typeof message === "string";
}
