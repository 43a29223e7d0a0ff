/** What runs in the main thread and the paths under which a front end knows it: cells by a hash of their text, files by their own path. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { CompiledCell } from "../compiler";
import { isOwnCode } from "../start/own-code";
import { murmur2 } from "./hash";
import type { Debugger, MainThreadInspector } from "./inspector";
import { Script } from "./script";

/** How front ends compute a cell's path: `prefix + murmur2(text, seed) + suffix`. No such file is ever written. */
export const cellPaths = {
  hashMethod: "Murmur2",
  hashSeed: 0x9747b28c,
  tmpFilePrefix: path.join(tmpdir(), "vitrine-cells") + path.sep,
  tmpFileSuffix: ".ts",
};

export function cellPath(text: string): string {
  return `${cellPaths.tmpFilePrefix}${murmur2(text, cellPaths.hashSeed)}${cellPaths.tmpFileSuffix}`;
}

/** A place in what a person wrote; line and column count from 1. */
export interface Location {
  path: string;
  /** For a person: `In[3]`, or the file's path within the clone. */
  name: string;
  line: number;
  column: number;
}

interface RunCell {
  path: string;
  label: string;
  prefixLength: number;
}

/** Functions of older cells can still be stopped in, but no breakpoint is put there any more. */
const keptCells = 1_000;

export class Sources {
  readonly #inspector: MainThreadInspector;
  readonly #root: string;
  /** Texts of cells by path, whether they ran or were only announced. */
  readonly #texts = new Map<string, string>();
  /** Cells that ran, by the virtual file that the compiler gave them. */
  readonly #cells = new Map<string, RunCell>();
  readonly #urls = new Map<string, string>();
  readonly #scriptIds = new Map<string, string>();
  readonly #scripts = new Map<string, Promise<Script>>();

  constructor(inspector: MainThreadInspector, root: string) {
    this.#inspector = inspector;
    this.#root = root;
  }

  /** A front end announces the text of a cell. */
  addText(text: string): string {
    const where = cellPath(text);
    this.#texts.set(where, text);
    return where;
  }

  /** A cell is about to run; `text` is what the front end sent. */
  addCell({ fileName, prefixLength }: CompiledCell, text: string, label: string): string {
    const where = this.addText(text);
    this.#cells.set(fileName, { path: where, label, prefixLength });
    if (this.#cells.size > keptCells) this.#forgetOldestCell();
    return where;
  }

  /** A text was compiled in the main thread. */
  addScript({ scriptId, url }: Debugger.ScriptParsedEventDataType): void {
    if (!url.startsWith("file:")) return;
    const fileName = fileURLToPath(url);
    this.#urls.set(scriptId, fileName);
    this.#scriptIds.set(fileName, scriptId);
  }

  /** Scripts have other numbers when the inspector connects again. */
  forgetScripts(): void {
    this.#urls.clear();
    this.#scriptIds.clear();
    this.#scripts.clear();
  }

  /** The file that a script was loaded from; undefined for Node's own and for evaluated texts. */
  fileOf(scriptId: string): string | undefined {
    return this.#urls.get(scriptId);
  }

  /** Whether a person stops there: in cells and the project's files, not in packages and in the kernel. */
  isOwn(scriptId: string): boolean {
    const fileName = this.#urls.get(scriptId);
    return fileName !== undefined && this.#isOwnFile(fileName);
  }

  /** The files that a front end's path is run as: of a cell, one for each run. */
  filesOf(where: string): string[] {
    if (!where.startsWith(cellPaths.tmpFilePrefix)) return [where];
    return [...this.#cells].filter(([, cell]) => cell.path === where).map(([fileName]) => fileName);
  }

  /** What runs as this file, if it has been loaded. */
  async scriptOfFile(fileName: string): Promise<Script | undefined> {
    const scriptId = this.#scriptIds.get(fileName);
    return scriptId === undefined ? undefined : this.#script(scriptId);
  }

  async locate({ scriptId, lineNumber, columnNumber = 0 }: Debugger.Location): Promise<Location | undefined> {
    const fileName = this.#urls.get(scriptId);
    if (fileName === undefined) return undefined;
    const script = await this.#script(scriptId);
    const found = script.toSource({ line: lineNumber, column: columnNumber });
    if (!found) return undefined;
    const cell = this.#cells.get(fileName);
    return {
      path: cell?.path ?? fileName,
      name: cell?.label ?? path.relative(this.#root, fileName),
      line: found.line + 1,
      column: found.column + 1,
    };
  }

  /** The TypeScript of a path. */
  async textOf(where: string): Promise<string | undefined> {
    const text = this.#texts.get(where);
    if (text !== undefined) return text;
    const scriptId = this.#scriptIds.get(where);
    if (scriptId === undefined) return undefined;
    return (await this.#script(scriptId)).source ?? readFileSync(where, "utf8");
  }

  /** The project's loaded files, for a front end's list of sources. */
  files(): { name: string; path: string }[] {
    return [...this.#scriptIds.keys()]
      .filter((fileName) => this.#isOwnFile(fileName) && !this.#cells.has(fileName))
      .map((fileName) => ({ name: path.relative(this.#root, fileName), path: fileName }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #isOwnFile(fileName: string): boolean {
    if (this.#cells.has(fileName)) return true;
    if (fileName.includes(`${path.sep}node_modules${path.sep}`)) return false;
    return !isOwnCode(this.#root, fileName);
  }

  #script(scriptId: string): Promise<Script> {
    let script = this.#scripts.get(scriptId);
    if (!script) {
      script = this.#load(scriptId);
      this.#scripts.set(scriptId, script);
    }
    return script;
  }

  async #load(scriptId: string): Promise<Script> {
    const { scriptSource: code } = await this.#inspector.post<Debugger.GetScriptSourceReturnType>(
      "Debugger.getScriptSource",
      { scriptId },
    );
    const cell = this.#cells.get(this.#urls.get(scriptId) ?? "");
    return new Script({ code, prefixLength: cell?.prefixLength });
  }

  #forgetOldestCell(): void {
    const [fileName, { path: where }] = this.#cells.entries().next().value as [string, RunCell];
    this.#cells.delete(fileName);
    if (this.filesOf(where).length === 0) this.#texts.delete(where);
  }
}
