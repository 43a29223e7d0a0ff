/** What the session asks of the compiler thread and what comes back; plain data, so that it crosses threads. */

/** The module name under which a cell's code asks for the values of earlier cells. */
export const scopeModule = "vitrine:scope";

/** So many of the last results can be looked up, by their types in the compiler and their values in the executor. */
export const keptResults = 30;

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
  /** The modules that it imports, by the names that it uses. */
  imports: string[];
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
  matches: CompletionMatch[];
}

export interface CompletionMatch {
  text: string;
  /** What it is, in the words for which JupyterLab has colours where there is one. */
  type: string;
  /** Of a value or a member: its type as TypeScript writes it. */
  signature?: string;
}

export interface Inspection {
  /** Name and type, as TypeScript writes it. */
  signature: string;
  documentation: string;
  /** JSDoc's tags in their order: `param`, `returns`, … */
  tags: { name: string; text: string }[];
  definitions: Definition[];
}

export interface Definition {
  /** A file and its line, or that it is a cell. */
  where: string;
  text: string;
}

export type Completeness =
  | { status: "complete" | "invalid" | "unknown" }
  | { status: "incomplete"; indent: string };

/**
 * How a cell is compiled: as it stands; or as one function of its statements that the run returns, to be called again and again. Such a
 * cell declares no names for others.
 */
export type CellForm = "cell" | "repeated";

/** The compiler as the session sees it: every answer comes later, whichever thread it runs in. */
export interface CompilerClient {
  /** Checks and translates a cell; nothing is remembered of it until `commit`. */
  compile(source: string, form?: CellForm): Promise<CompileResult>;
  /** After a run: the names that later cells can see from this cell; its number if its result can be looked up by it. */
  commit(id: number, liveNames: readonly string[], line?: number): void;
  /** Packages may have been installed or removed: they are looked at again. */
  packagesChanged(): Promise<void>;
  complete(source: string, offset: number): Promise<Completion>;
  inspect(source: string, offset: number): Promise<Inspection | undefined>;
  isComplete(source: string): Promise<Completeness>;
}
