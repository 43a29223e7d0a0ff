/** The TypeScript project in which cells are checked: the clone's tsconfig.json, files on disk, and cells as virtual files. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { importBases } from "./bases";
import { keepingRegistry } from "./registry";

export interface ProjectOptions {
  /** The clone: where tsconfig.json and node_modules are. */
  root: string;
  /** The notebook's folder: relative imports start here, then in `<root>/notebooks`. */
  notebookDir: string;
}

/**
 * Cells are checked in numbered slots that exist from the start and all import one index of them all. So a new cell changes the
 * text of one file but neither the list of files nor the imports between them, and TypeScript keeps the whole structure of its
 * program: some ten times faster than adding a file.
 */
const slotPattern = /^\.slot-\d+\.ts$/;
const firstSlots = 256;

/**
 * How the text in a slot reaches all others, see `slotName`: one line without a line break. Unlike `import *`, it does not make
 * TypeScript look into every slot.
 */
export const slotImport = 'import $cells = require("./.cells"); ';
const emptySlot = `${slotImport}export {};`;

interface Slot {
  text: string;
  version: number;
  isFree: boolean;
}

/** What every cell sees without importing it. */
const globalsText = `
/** Asks the person in front of the notebook for a line of text. */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;
`;

/** A language service over the virtual cells and the files that they import. */
export class Project {
  readonly service: ts.LanguageService;
  readonly options: ts.CompilerOptions;
  readonly #root: string;
  #notebookDir: string;
  readonly #globalsFile: string;
  readonly #slotDir: string;
  /** Exports the modules in all slots. */
  readonly #indexFile: string;
  readonly #slots: Slot[] = [];
  readonly #slotsByFile = new Map<string, Slot>();
  readonly #modules: ts.ModuleResolutionCache;
  readonly #versions = new Map<string, string>();
  readonly #snapshots = new Map<string, { version: string; snapshot: ts.IScriptSnapshot | undefined }>();
  #version = 0;

  constructor({ root, notebookDir }: ProjectOptions) {
    this.#root = root;
    this.#notebookDir = notebookDir;
    this.#globalsFile = path.join(root, "kernels", ".globals.d.ts");
    this.#slotDir = path.join(root, "kernels", ".slots");
    this.#indexFile = path.join(this.#slotDir, ".cells.ts");
    this.options = readOptions(root);
    this.#modules = ts.createModuleResolutionCache(root, (name) => name, this.options);
    this.#addSlots(firstSlots);
    this.service = ts.createLanguageService(this.#host(), keepingRegistry());
  }

  /** From here on cells are those of a notebook in this folder. */
  moveTo(notebookDir: string): void {
    this.#notebookDir = notebookDir;
    this.#version += 1;
    this.#versions.clear();
  }

  slotFile(slot: number): string {
    return path.join(this.#slotDir, `.slot-${slot}.ts`);
  }

  isSlot(fileName: string): boolean {
    return this.#slotsByFile.has(fileName);
  }

  /** A free slot; when there is none, as many again are made. */
  acquireSlot(): number {
    let slot = this.#slots.findIndex(({ isFree }) => isFree);
    if (slot === -1) {
      slot = this.#slots.length;
      this.#addSlots(slot);
    }
    this.#slots[slot].isFree = false;
    return slot;
  }

  /** Sets what a slot holds, after `slotImport`. */
  fillSlot(slot: number, text: string): void {
    this.#version += 1;
    this.#versions.clear();
    Object.assign(this.#slots[slot], { text: text, version: this.#version });
  }

  releaseSlot(slot: number): void {
    this.fillSlot(slot, emptySlot);
    this.#slots[slot].isFree = true;
  }

  #addSlots(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const slot: Slot = { text: emptySlot, version: 0, isFree: true };
      this.#slotsByFile.set(this.slotFile(this.#slots.length), slot);
      this.#slots.push(slot);
    }
    this.#version += 1;
  }

  #host(): ts.LanguageServiceHost {
    const host: ts.LanguageServiceHost & { getModuleResolutionCache(): ts.ModuleResolutionCache } = {
      // Not in the public type; without it each program reads every package.json again.
      getModuleResolutionCache: () => this.#modules,
      getCompilationSettings: () => this.options,
      getCurrentDirectory: () => this.#root,
      getDefaultLibFileName: (options) =>
        path.join(this.#root, "node_modules", "typescript", "lib", ts.getDefaultLibFileName(options)),
      getScriptFileNames: () => [this.#globalsFile, this.#indexFile, ...this.#slotsByFile.keys()],
      getScriptVersion: (fileName) => this.#fileVersion(fileName),
      getScriptSnapshot: (fileName) => this.#snapshot(fileName),
      fileExists: (fileName) => this.#isVirtual(fileName) || ts.sys.fileExists(fileName),
      readFile: (fileName) => this.#read(fileName),
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      realpath: (fileName) =>
        this.#isVirtual(fileName) ? fileName : (ts.sys.realpath?.(fileName) ?? fileName),
      useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
      resolveModuleNameLiterals: (literals, containingFile, redirected, options, file) =>
        literals.map((literal) => {
          const mode = ts.getModeForUsageLocation(file, literal, options);
          return this.#resolve(literal.text, containingFile, options, redirected, mode);
        }),
    };
    return host;
  }

  #resolve(
    name: string,
    containingFile: string,
    options: ts.CompilerOptions,
    redirected: ts.ResolvedProjectReference | undefined,
    mode: ts.ResolutionMode,
  ): ts.ResolvedModuleWithFailedLookupLocations {
    const isCell = slotPattern.test(path.basename(containingFile));
    if (isCell ? name === "./.cells" : containingFile === this.#indexFile) {
      const resolvedFileName = path.join(this.#slotDir, `${name}.ts`);
      return { resolvedModule: { resolvedFileName, extension: ts.Extension.Ts } };
    }
    const from = isCell ? this.#cellBases() : [containingFile];
    let result: ts.ResolvedModuleWithFailedLookupLocations = { resolvedModule: undefined };
    for (const base of from) {
      // The cache keeps failures too, and a cell may create the file that it imports next.
      const cache = isCell ? undefined : this.#modules;
      result = ts.resolveModuleName(name, base, options, ts.sys, cache, redirected, mode);
      if (result.resolvedModule) break;
    }
    return result;
  }

  #cellBases(): string[] {
    return importBases(this.#root, this.#notebookDir).map((folder) => path.join(folder, "cell.ts"));
  }

  #isVirtual(fileName: string): boolean {
    return fileName === this.#globalsFile || fileName === this.#indexFile || this.#slotsByFile.has(fileName);
  }

  #read(fileName: string): string | undefined {
    if (fileName === this.#globalsFile) return globalsText;
    if (fileName === this.#indexFile) {
      return this.#slots.map((_, slot) => `export * as $slot${slot} from "./.slot-${slot}";\n`).join("");
    }
    const slot = this.#slotsByFile.get(fileName);
    if (slot) return slot.text;
    try {
      return readFileSync(fileName, "utf8");
    } catch {
      return undefined; // What TypeScript expects for a file that is not there.
    }
  }

  /** TypeScript asks for every file's text at every cell: files are read once a version. */
  #snapshot(fileName: string): ts.IScriptSnapshot | undefined {
    const version = this.#fileVersion(fileName);
    const known = this.#snapshots.get(fileName);
    if (known?.version === version) return known.snapshot;
    const text = this.#read(fileName);
    const snapshot = text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    this.#snapshots.set(fileName, { version, snapshot });
    return snapshot;
  }

  /** Looked up once a cell: TypeScript asks for each file's several times. */
  #fileVersion(fileName: string): string {
    const slot = this.#slotsByFile.get(fileName);
    if (slot) return String(slot.version);
    let version = this.#versions.get(fileName);
    if (version === undefined) {
      version = this.#versionOnDisk(fileName);
      this.#versions.set(fileName, version);
    }
    return version;
  }

  #versionOnDisk(fileName: string): string {
    if (fileName === this.#indexFile) return String(this.#slots.length);
    // Packages do not change while a kernel runs; looking at a thousand of their files for each cell would cost more than the cell.
    if (fileName === this.#globalsFile || fileName.includes("/node_modules/")) return "0";
    return String(statSync(fileName, { throwIfNoEntry: false })?.mtimeMs ?? "gone");
  }
}

/** The module in a slot, as the text in any slot names it. */
export function slotName(slot: number): string {
  return `$cells.$slot${slot}`;
}

/** The project's own options, less what makes no sense between cells (a later cell may use the name). */
function readOptions(root: string): ts.CompilerOptions {
  const configFile = path.join(root, "tsconfig.json");
  const { config, error } = ts.readConfigFile(configFile, ts.sys.readFile);
  if (error) {
    const reason = ts.flattenDiagnosticMessageText(error.messageText, "\n");
    throw new Error(
      `compiler: expected a readable tsconfig.json, got "${reason}" (do: repair ${configFile})`,
    );
  }
  // The include list would make TypeScript walk the clone; cells say themselves what they need.
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  return {
    ...options,
    noUnusedLocals: false,
    noUnusedParameters: false,
    isolatedModules: false,
    verbatimModuleSyntax: false,
    allowUnreachableCode: true,
    noEmit: true,
    configFilePath: undefined,
  };
}
