/** The TypeScript project in which cells are checked: the clone's tsconfig.json, files on disk, and cells as virtual files. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { importBases } from "./bases";
import { globalsText } from "./globals";
import { outline } from "./outline";
import { type KeepingRegistry, keepingRegistry } from "./registry";
import { changesOthers, type Reference, referencesIn, StandingProgram } from "./standing";

export interface ProjectOptions {
  /** The clone: where tsconfig.json and node_modules are. */
  root: string;
  /** The notebook's folder: relative imports start here, then in `<root>/notebooks`. */
  notebookDir: string;
}

interface CellText {
  text: string;
  version: string;
}

/** What a type checker worked out for so many cells is given back by starting with a new one. */
const mostAdditions = 2_000;

/** A language service over the virtual cells and the files that they import. */
export class Project {
  readonly service: ts.LanguageService;
  readonly options: ts.CompilerOptions;
  readonly root: string;
  #notebookDir: string;
  readonly #globalsFile: string;
  readonly #cellDir: string;
  /** Imports modules that are to be at hand before a cell asks for them. */
  readonly #libraryFile: string;
  #library: readonly string[] = [];
  readonly #cells = new Map<string, CellText>();
  readonly #modules: ts.ModuleResolutionCache;
  readonly #registry: KeepingRegistry;
  readonly #snapshots = new Map<string, { version: string; snapshot: ts.IScriptSnapshot | undefined }>();
  #standing: StandingProgram | undefined;
  /** Versions of the files on disk that the standing program was made of. */
  readonly #versions = new Map<string, string>();
  /** Those of packages' files that changed since the kernel started; see `lookAgain`. */
  readonly #packageVersions = new Map<string, string>();
  /** When packages were looked at last, in ms since 1970. */
  #lookedAt = Date.now() - process.uptime() * 1_000;
  #generation = 0;
  #additions = 0;
  #version = 0;

  constructor({ root, notebookDir }: ProjectOptions) {
    this.root = root;
    this.#notebookDir = notebookDir;
    this.#globalsFile = path.join(root, "kernels", ".globals.d.ts");
    this.#cellDir = path.join(root, "kernels", ".cells");
    this.#libraryFile = path.join(this.#cellDir, ".library.ts");
    this.options = readOptions(root);
    this.#modules = ts.createModuleResolutionCache(root, (name) => name, this.options);
    this.#registry = keepingRegistry(this.#libraryFile, this.isCell);
    this.service = ts.createLanguageService(this.#host(), this.#registry);
  }

  /** From here on cells are those of a notebook in this folder. */
  moveTo(notebookDir: string): void {
    this.#notebookDir = notebookDir;
  }

  /** Has these modules' types at hand from here on; relative ones start in `<root>/notebooks`. */
  keepAtHand(modules: readonly string[]): void {
    this.#library = modules;
    this.#renew();
  }

  /** Packages may have been installed or changed on disk. */
  lookAgain(): void {
    const since = this.#lookedAt;
    this.#lookedAt = Date.now();
    this.#modules.clear();
    let hasChanged = false;
    for (const { fileName } of this.#standing?.program.getSourceFiles() ?? []) {
      if (!isOfPackage(fileName)) continue;
      // npm gives files an old time of modification; the time of change is the disk's own.
      const changed = statSync(fileName, { throwIfNoEntry: false })?.ctimeMs ?? this.#lookedAt;
      if (changed < since) continue;
      this.#packageVersions.set(fileName, String(changed));
      hasChanged = true;
    }
    if (hasChanged) this.#renew();
  }

  /** The virtual file of a cell, which other cells import as `cellModule` of the same name. */
  cellFile(name: string): string {
    return path.join(this.#cellDir, `.${name}.ts`);
  }

  readonly isCell = (fileName: string): boolean => this.#cells.has(fileName);

  /** Sets a cell's text. The type checker stays as it is, unless the text names a module that it has not seen yet. */
  put(fileName: string, text: string): ts.SourceFile {
    this.#version += 1;
    this.#additions += 1;
    const version = String(this.#version);
    this.#cells.set(fileName, { text, version });
    const standing = this.#standing;
    if (!standing || this.#additions > mostAdditions || this.#hasChanged()) return this.#renewFor(fileName);
    const file = this.#registry.file(fileName, ts.ScriptSnapshot.fromString(text), version);
    const resolved = referencesIn(file, this.options).map((reference) => ({
      ...reference,
      to: this.#resolveReference(reference, fileName),
    }));
    if (changesOthers(file) || resolved.some(({ to }) => this.#isUnknown(to)))
      return this.#renewFor(fileName);
    standing.add(file, resolved);
    return file;
  }

  remove(fileName: string): void {
    this.#cells.delete(fileName);
    this.#snapshots.delete(fileName);
    this.#registry.forget(fileName);
    this.#standing?.remove(fileName);
  }

  #renewFor(fileName: string): ts.SourceFile {
    const file = this.#renew().getSourceFile(fileName);
    if (!file) throw new Error(`compiler: internal: expected ${fileName} in the program, got none`);
    return file;
  }

  /** Makes a new program, with all files as they are now. */
  #renew(): ts.Program {
    this.#standing?.end();
    this.#versions.clear();
    this.#generation += 1;
    this.#additions = 0;
    const program = this.service.getProgram();
    if (!program) throw new Error("compiler: internal: expected a program, got none");
    if (program !== this.#standing?.program) this.#standing = new StandingProgram(program, this.options);
    return program;
  }

  /** Whether a file of the program was changed on disk. */
  #hasChanged(): boolean {
    for (const [fileName, version] of this.#versions) {
      if (version !== versionOnDisk(fileName)) return true;
    }
    return false;
  }

  /** A module that is there, but not in the program. */
  #isUnknown({ resolvedModule }: ts.ResolvedModuleWithFailedLookupLocations): boolean {
    if (!resolvedModule || !typed.test(resolvedModule.extension)) return false;
    return this.#standing?.program.getSourceFile(resolvedModule.resolvedFileName) === undefined;
  }

  #host(): ts.LanguageServiceHost {
    const host: ts.LanguageServiceHost & { getModuleResolutionCache(): ts.ModuleResolutionCache } = {
      // Not in the public type; without it each program reads every package.json again.
      getModuleResolutionCache: () => this.#modules,
      getProjectVersion: () => String(this.#generation),
      getCompilationSettings: () => this.options,
      getCurrentDirectory: () => this.root,
      getDefaultLibFileName: (options) =>
        path.join(this.root, "node_modules", "typescript", "lib", ts.getDefaultLibFileName(options)),
      getScriptFileNames: () => [this.#globalsFile, this.#libraryFile, ...this.#cells.keys()],
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
          return this.#resolve(literal.text, containingFile, redirected, mode);
        }),
    };
    return host;
  }

  #resolveReference({ literal, mode }: Reference, containingFile: string) {
    return this.#resolve(literal.text, containingFile, undefined, mode);
  }

  #resolve(
    name: string,
    containingFile: string,
    redirected: ts.ResolvedProjectReference | undefined,
    mode: ts.ResolutionMode,
  ): ts.ResolvedModuleWithFailedLookupLocations {
    const { options } = this;
    const isCell = this.#cells.has(containingFile);
    const sibling = path.join(this.#cellDir, `${name}.ts`);
    if (isCell && this.#cells.has(sibling)) {
      return { resolvedModule: { resolvedFileName: sibling, extension: ts.Extension.Ts } };
    }
    const isLibrary = containingFile === this.#libraryFile;
    const from = isCell ? this.#cellBases() : isLibrary ? [this.#baseFile("notebooks")] : [containingFile];
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
    return importBases(this.root, this.#notebookDir).map((folder) => this.#baseFile(folder));
  }

  #baseFile(folder: string): string {
    return path.resolve(this.root, folder, "cell.ts");
  }

  #isVirtual(fileName: string): boolean {
    return fileName === this.#globalsFile || fileName === this.#libraryFile || this.#cells.has(fileName);
  }

  #read(fileName: string): string | undefined {
    if (fileName === this.#globalsFile) return globalsText;
    if (fileName === this.#libraryFile) {
      return `${this.#library.map((name) => `import ${JSON.stringify(name)};\n`).join("")}export {};`;
    }
    const cell = this.#cells.get(fileName);
    if (cell) return cell.text;
    try {
      const text = readFileSync(fileName, "utf8");
      return isOwnSource(fileName) ? outline(fileName, text) : text;
    } catch {
      return undefined; // What TypeScript expects for a file that is not there.
    }
  }

  /** TypeScript asks for every file's text at every program: files are read once a version. */
  #snapshot(fileName: string): ts.IScriptSnapshot | undefined {
    const version = this.#fileVersion(fileName);
    const known = this.#snapshots.get(fileName);
    if (known?.version === version) return known.snapshot;
    const text = this.#read(fileName);
    const snapshot = text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    this.#snapshots.set(fileName, { version, snapshot });
    return snapshot;
  }

  /** Looked up once a program: TypeScript asks for each file's several times. */
  #fileVersion(fileName: string): string {
    if (fileName === this.#globalsFile) return "0";
    if (fileName === this.#libraryFile) return String(this.#library.length);
    const cell = this.#cells.get(fileName);
    if (cell) return cell.version;
    // Looking at a thousand files of packages for each cell would cost more than the cell.
    if (isOfPackage(fileName)) return this.#packageVersions.get(fileName) ?? "0";
    let version = this.#versions.get(fileName);
    if (version === undefined) {
      version = versionOnDisk(fileName);
      this.#versions.set(fileName, version);
    }
    return version;
  }
}

/** How the text of a cell reaches the module of another; one line without a line break. */
export function cellImport(name: string): string {
  return `import $${name} = require("./.${name}"); `;
}

/** What `cellImport` makes. */
export const cellAlias = /^\$cell\d+$/;

/** Modules whose text TypeScript reads, by extension. */
const typed = /^\.([cm]?tsx?|d\.[cm]?ts|json)$/;

function isOfPackage(fileName: string): boolean {
  return fileName.includes("/node_modules/");
}

/** TypeScript of the project or of the person, and no mere declarations. */
function isOwnSource(fileName: string): boolean {
  return /(?<!\.d)\.[cm]?tsx?$/.test(fileName) && !isOfPackage(fileName);
}

function versionOnDisk(fileName: string): string {
  return String(statSync(fileName, { throwIfNoEntry: false })?.mtimeMs ?? "gone");
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
