/** Checks and translates cells, and knows which names of earlier cells a cell can see, with their types. */
import path from "node:path";
import ts from "typescript";
import { importBases } from "./bases";
import { completenessOf, isWhole } from "./completeness";
import { completeCode, type LiveText } from "./completion";
import type { CellForm, CompileResult, Completeness, Completion, Inspection, Problem } from "./contract";
import { emitCell } from "./emit";
import { inspectAt } from "./inspection";
import { type DeclaredName, declaredNames, importedModules, mentionedNames } from "./names";
import { type Insertion, insert, PastResults, resultExport, resultNames } from "./past-results";
import { problemsIn } from "./problems";
import { cellImport, Project, type ProjectOptions } from "./project";
import { completeModule, completePathIn } from "./string-completion";

/** Where a name that later cells can see comes from. */
interface ScopeEntry {
  cell: Cell;
  assignable: boolean;
  /** Exists at run time; false for interfaces and other types. */
  isValue: boolean;
}

/** A checked cell: a module that imports names of earlier cells and exports its own. */
interface Cell {
  id: number;
  /** How others name its module: `cell12`. */
  name: string;
  /** Where in the project its text is. */
  file: string;
  names: Map<string, DeclaredName>;
  values: Set<string>;
  /** Whether it ends with an expression. */
  hasResult: boolean;
  /** Cells whose names this one mentions: their files have to stay as long as this one's does. */
  needs: Set<Cell>;
}

/** What notebooks are full of: a type checker that has seen these knows the types that most cells need. */
const typicalCells = [
  "const answer = await Promise.resolve([1, 2]); console.log(answer.map(String)); answer",
  "interface Point { x: number; y?: string }\nconst points: Point[] = [{ x: 1 }]; let count = 0;",
  "function norm({ x }: Point): number { return Math.sqrt(x ** 2); }\nclass Box<T> { constructor(readonly value: T) {} }",
  "for (const point of points) { count += norm(point); console.log(point.x.toFixed(2), new Box(point).value); }\ncount",
];

/** Text whose completion is a member of a value: no other name can be meant. (Three dots are none: `[...values`.) */
const isMember = /(?<!\.\.)\.\s*[\p{ID_Continue}$#]*$/u;

export class Compiler {
  readonly #project: Project;
  #notebookDir: string;
  /** Where the text being typed is. */
  readonly #liveFile: string;
  readonly #scope = new Map<string, ScopeEntry>();
  readonly #cells = new Map<number, Cell>();
  readonly #results = new PastResults<Cell>();
  #lastId = 0;
  /** Until a cell says `// @ts-nocheck notebook`. */
  #isChecked = true;

  constructor(options: ProjectOptions) {
    this.#project = new Project(options);
    this.#notebookDir = options.notebookDir;
    this.#liveFile = this.#project.cellFile("live");
  }

  /** Loads and checks what first cells wait for otherwise: the standard types, and those of `modules` if there are any. */
  warmUp(modules: readonly string[] = []): void {
    if (modules.length > 0) this.#project.keepAtHand(modules);
    for (const cell of [...modules.map((name) => `import * as all from "${name}"; all`), ...typicalCells]) {
      const names = declaredNames(parse(cell));
      const result = this.compile(cell);
      if (result.ok) this.commit(result.cell.id, [...names.keys()]);
    }
    this.#scope.clear();
    // No completion here: its collator could not be kept in a snapshot.
    this.#forgetUnreachable();
  }

  /** Compiles a text as if it were a cell, and forgets it; its number is not given again, as the type checker remembers files by name. */
  practise(text: string): void {
    const result = this.compile(text);
    if (!result.ok) return;
    const { id } = result.cell;
    this.#project.remove(this.#project.cellFile(`cell${id}`));
    this.#cells.delete(id);
  }

  /** From here on cells are those of a notebook in this folder. */
  moveTo(notebookDir: string): void {
    this.#notebookDir = notebookDir;
    this.#project.moveTo(notebookDir);
  }

  /** Knows a cell again that another process had accepted and that was run. */
  restore(id: number, text: string, liveNames: readonly string[], line?: number): void {
    this.#lastId = id - 1;
    if (this.compile(text).ok) this.commit(id, liveNames, line);
  }

  /** Packages may have been installed or removed: they are looked at again. */
  packagesChanged(): void {
    this.#project.lookAgain();
  }

  /** Type-checks and translates; the cell's names are visible to others only after `commit`. */
  compile(text: string, form: CellForm = "cell"): CompileResult {
    const source = objectAsExpression(text);
    const parsed = parse(source);
    const names = declaredNames(parsed);
    const mentioned = mentionedNames(parsed);
    const visible = [...this.#scope].filter(([name]) => mentioned.has(name) && !names.has(name));
    const pastNames = this.#pastNames(names).filter((name) => mentioned.has(name));
    const past = this.#results.declare(pastNames);
    const exported: typeof names = form === "cell" ? names : new Map();

    this.#lastId += 1;
    const id = this.#lastId;
    const cellName = `cell${id}`;
    const cellFile = this.#project.cellFile(cellName);
    const prefix = `${aliasesOf(visible, past.needs)}${past.text}\n`;
    const insertions = form === "cell" && isWhole(parsed) ? resultExport(parsed) : [];
    const checked = `${prefix}${insert(source, insertions)}\n${exportsOf(exported)}`;
    const file = this.#project.put(cellFile, checked);
    const problems = this.#problemsIn(file, prefix.length, source, insertions);
    if (problems.length > 0) {
      this.#project.remove(cellFile);
      return { ok: false, problems };
    }

    const values = this.#valuesOf(file, exported);
    const needs = new Set([...visible.map(([, entry]) => entry.cell), ...past.needs]);
    const hasResult = insertions.length > 0;
    this.#cells.set(id, { id, name: cellName, file: cellFile, names: exported, values, hasResult, needs });
    const fileName = path.join(this.#notebookDir, `.cell-${id}.ts`);
    const { code, prefixLength } = emitCell({
      fileName,
      body: source,
      form,
      imported: [...visible.filter(([, entry]) => entry.isValue).map(([name]) => name), ...pastNames],
      declared: [...exported.values()].filter(({ name }) => values.has(name)),
      options: this.#project.options,
    });
    return { ok: true, cell: { id, fileName, source, code, imports: importedModules(file), prefixLength } };
  }

  /** Makes the cell's types visible, and those of its values that the run has brought to life; its result's as that of `line`. */
  commit(id: number, liveNames: readonly string[], line?: number): void {
    const cell = this.#cells.get(id);
    if (!cell) throw new Error(`compiler: internal: expected a compiled cell, got ${id}`);
    const live = new Set(liveNames);
    for (const { name, assignable } of cell.names.values()) {
      const isValue = cell.values.has(name);
      if (!isValue || live.has(name)) this.#scope.set(name, { cell, assignable, isValue });
    }
    if (line !== undefined && cell.hasResult) this.#results.add(line, cell);
    this.#forgetUnreachable();
  }

  complete(text: string, offset: number): Completion {
    const bases = importBases(this.#project.root, this.#notebookDir);
    const file = parse(text);
    return (
      completeModule(file, offset, bases) ??
      completeCode(this.#project, this.#live(text, !isMember.test(text.slice(0, offset))), text, offset) ??
      completePathIn(file, offset, this.#notebookDir) ?? { start: offset, end: offset, matches: [] }
    );
  }

  inspect(text: string, offset: number): Inspection | undefined {
    const live = this.#live(text, false);
    return (
      inspectAt(this.#project, live, offset) ??
      (offset > 0 ? inspectAt(this.#project, live, offset - 1) : undefined)
    );
  }

  isComplete(text: string): Completeness {
    return completenessOf(text);
  }

  /** The text being typed, with the visible names that it mentions in reach, or with all of them. */
  #live(text: string, withAllNames: boolean): LiveText {
    const parsed = parse(text);
    const [declared, mentioned] = [declaredNames(parsed), mentionedNames(parsed)];
    const isWanted = (name: string) => withAllNames || mentioned.has(name);
    const past = this.#results.declare(this.#pastNames(declared).filter(isWanted));
    const visible = [...this.#scope].filter(([name]) => isWanted(name) && !declared.has(name));
    // It is a module from its start: unfinished text would swallow an `export` behind it.
    const prefix = `export {}; ${aliasesOf(visible, past.needs)}${past.text}\n`;
    this.#project.put(this.#liveFile, `${prefix}${text}\n`);
    return { fileName: this.#liveFile, prefixLength: prefix.length };
  }

  /** Names of past results that are none of the person's own. */
  #pastNames(declared: ReadonlyMap<string, unknown>): string[] {
    return resultNames.filter((name) => !declared.has(name) && !this.#scope.has(name));
  }

  /** Syntax errors, or if there are none type errors. */
  #problemsIn(
    file: ts.SourceFile,
    prefixLength: number,
    source: string,
    insertions: readonly Insertion[],
  ): Problem[] {
    const { service } = this.#project;
    const where = { file, prefixLength, body: source, insertions };
    const problems = problemsIn(service.getSyntacticDiagnostics(file.fileName), "syntax", where);
    const [, opinion, scope] = /^\s*\/\/\s*@ts-(nocheck|check)\b(?:[ \t]+(notebook)\b)?/m.exec(source) ?? [];
    if (scope !== undefined) this.#isChecked = opinion === "check";
    const isChecked = opinion === undefined ? this.#isChecked : opinion === "check";
    if (problems.length > 0 || !isChecked) return problems;
    return problemsIn(service.getSemanticDiagnostics(file.fileName), "type", where);
  }

  #valuesOf(file: ts.SourceFile, names: Map<string, DeclaredName>): Set<string> {
    const checker = this.#project.service.getProgram()?.getTypeChecker();
    const values = new Set<string>();
    const { locals } = file as unknown as { locals?: Map<string, ts.Symbol> };
    for (const name of names.keys()) {
      let symbol = locals?.get(name);
      if (!symbol || !checker) continue;
      const ambient = symbol.declarations?.every(isAmbient) ?? false;
      if (symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
      // What cannot be resolved (`any` under @ts-nocheck) is taken for a value: only a getter depends on it.
      if (!ambient && (symbol.flags & ts.SymbolFlags.Value || symbol.flags === 0)) values.add(name);
    }
    return values;
  }

  #forgetUnreachable(): void {
    const reachable = new Set<Cell>();
    const reach = (cell: Cell): void => {
      if (reachable.has(cell)) return;
      reachable.add(cell);
      for (const needed of cell.needs) reach(needed);
    };
    for (const { cell } of this.#scope.values()) reach(cell);
    for (const cell of this.#results.cells) reach(cell);
    for (const cell of this.#cells.values()) {
      if (reachable.has(cell)) continue;
      this.#cells.delete(cell.id);
      this.#project.remove(cell.file);
    }
  }
}

/** One line without a line break, which the compiler puts above the person's text; it imports `others` as well. */
function aliasesOf(
  visible: readonly (readonly [string, ScopeEntry])[],
  others: readonly { name: string }[],
): string {
  const cells = new Set([...visible.map(([, { cell }]) => cell.name), ...others.map(({ name }) => name)]);
  const aliases = visible.map(([name, { cell, assignable }]) => {
    const origin = `$${cell.name}.${name}`;
    // A name that may be assigned to cannot be an alias; a constant must be one, to keep literal types widening.
    return assignable ? `declare let ${name}: typeof ${origin}; ` : `import ${name} = ${origin}; `;
  });
  return [...[...cells].map(cellImport), ...aliases].join("");
}

function exportsOf(names: Map<string, DeclaredName>): string {
  const exported = [...names.values()].filter((name) => !name.exported).map(({ name }) => name);
  return `export { ${exported.join(", ")} };`;
}

/** `{ a: 1 }` on its own is meant as an object, not as a block with a label. */
function objectAsExpression(text: string): string {
  if (!/^\s*\{[\s\S]*\}\s*$/.test(text)) return text;
  const asExpression = `(${text})`;
  return isWhole(parse(asExpression)) ? asExpression : text;
}

/** Declared without existing at run time: `declare …`, or imported by `import type`. */
function isAmbient(node: ts.Declaration): boolean {
  if (ts.isTypeOnlyImportOrExportDeclaration(node)) return true;
  return (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Ambient) !== 0;
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile("cell.ts", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
}
