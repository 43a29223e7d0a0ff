/** The breakpoints that a front end wants, and what is set for them in the main thread. */
import { pathToFileURL } from "node:url";
import type { Debugger, MainThreadInspector } from "./inspector";
import type { Script } from "./script";
import type { Sources } from "./sources";

export interface SourceBreakpoint {
  line: number;
  condition?: string;
}

export interface Breakpoint {
  verified: boolean;
  line: number;
  source: { path: string };
}

export class Breakpoints {
  readonly #inspector: MainThreadInspector;
  readonly #sources: Sources;
  readonly #wanted = new Map<string, SourceBreakpoint[]>();
  /** By file, what the inspector calls the breakpoints that are set in it. */
  readonly #set = new Map<string, string[]>();

  constructor(inspector: MainThreadInspector, sources: Sources) {
    this.#inspector = inspector;
    this.#sources = sources;
  }

  /** The paths that have any. */
  get paths(): string[] {
    return [...this.#wanted.keys()];
  }

  /** As `debugInfo` tells them. */
  list(): { source: string; breakpoints: SourceBreakpoint[] }[] {
    return [...this.#wanted].map(([source, breakpoints]) => ({ source, breakpoints }));
  }

  /** Replaces those of a path; the answer has the lines at which they really are, as far as that is known yet. */
  async replace(path: string, breakpoints: readonly SourceBreakpoint[]): Promise<Breakpoint[]> {
    if (breakpoints.length === 0) this.#wanted.delete(path);
    else this.#wanted.set(path, [...breakpoints]);
    let lines = breakpoints.map(({ line }) => line);
    for (const fileName of this.#sources.filesOf(path)) {
      const script = await this.#sources.scriptOfFile(fileName);
      if (script) lines = await this.apply(path, fileName, script);
    }
    if (breakpoints.length > 0) {
      this.#wanted.set(
        path,
        breakpoints.map((breakpoint, i) => ({ ...breakpoint, line: lines[i] })),
      );
    }
    return lines.map((line) => ({ verified: true, line, source: { path } }));
  }

  /** Sets a path's breakpoints in a file that runs, or is about to run, as this script. */
  async apply(path: string, fileName: string, script: Script): Promise<number[]> {
    for (const breakpointId of this.#set.get(fileName) ?? []) {
      await this.#inspector.post("Debugger.removeBreakpoint", { breakpointId });
    }
    const ids: string[] = [];
    const lines: number[] = [];
    for (const { line, condition } of this.#wanted.get(path) ?? []) {
      const found = script.fromSource(line - 1);
      lines.push(found ? found.line + 1 : line);
      if (!found || lines.indexOf(found.line + 1) < lines.length - 1) continue;
      const { breakpointId } = await this.#inspector.post<Debugger.SetBreakpointByUrlReturnType>(
        "Debugger.setBreakpointByUrl",
        {
          url: pathToFileURL(fileName).href,
          lineNumber: found.place.line,
          columnNumber: found.place.column,
          condition,
        },
      );
      ids.push(breakpointId);
    }
    this.#set.set(fileName, ids);
    return lines;
  }

  /** The inspector was disconnected and has forgotten all. */
  clear(): void {
    this.#wanted.clear();
    this.#set.clear();
  }
}
