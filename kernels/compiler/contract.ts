/** What the session asks of the compiler thread and what comes back; plain data, so that it crosses threads. */

/** The module name under which a cell's code asks for the values of earlier cells. */
export const scopeModule = "vitrine:scope";

/** A cell, ready for the executor. */
export interface CompiledCell {
  /** Serial number of the cell in this kernel; also in its file name. */
  id: number;
  /** The virtual file that stack traces name. */
  fileName: string;
  /** The person's text. */
  source: string;
  /** A CommonJS module that exports the cell as one async function, with an inline source map. */
  code: string;
  /** Characters that the compiler put in front of the first line: columns there are off by as many. */
  prefixLength: number;
}

/** One type or syntax error. Lines and columns count from 1, in the person's text. */
export interface Problem {
  kind: "syntax" | "type";
  code: number;
  message: string;
  line: number;
  column: number;
  /** Length of the marked text on that line, at least 1. */
  length: number;
}

export type CompileResult = { ok: true; cell: CompiledCell } | { ok: false; problems: Problem[] };

export interface Completion {
  /** UTF-16 offsets of what the matches replace. */
  start: number;
  end: number;
  matches: { text: string; type: string }[];
}

export interface Inspection {
  /** The signature, as TypeScript writes it. */
  signature: string;
  documentation: string;
}

export type Completeness =
  | { status: "complete" | "invalid" | "unknown" }
  | { status: "incomplete"; indent: string };

/** The compiler as the session sees it: every answer comes later, whichever thread it runs in. */
export interface CompilerClient {
  /** Checks and translates a cell; nothing is remembered of it until `commit`. */
  compile(source: string): Promise<CompileResult>;
  /** After a run: the names that later cells can see from this cell. */
  commit(id: number, liveNames: readonly string[]): void;
  complete(source: string, offset: number): Promise<Completion>;
  inspect(source: string, offset: number): Promise<Inspection | undefined>;
  isComplete(source: string): Promise<Completeness>;
}
