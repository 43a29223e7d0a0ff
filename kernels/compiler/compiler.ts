/** Checks and translates cells, and knows which names of earlier cells a cell can see, with their types. */
import path from "node:path";
import ts from "typescript";
import { completenessOf } from "./completeness";
import type { CompileResult, Completeness, Completion, Inspection, Problem } from "./contract";
import { emitCell } from "./emit";
import { type DeclaredName, declaredNames, mentionedNames } from "./names";
import { problemsIn } from "./problems";
import { cellAlias, cellImport, Project, type ProjectOptions } from "./project";

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

export class Compiler {
  readonly #project: Project;
  #notebookDir: string;
  /** Where the text being typed is. */
  readonly #liveFile: string;
  readonly #scope = new Map<string, ScopeEntry>();
  readonly #cells = new Map<number, Cell>();
  #lastId = 0;

  constructor(options: ProjectOptions) {
    this.#project = new Project(options);
    this.#notebookDir = options.notebookDir;
    this.#liveFile = this.#project.cellFile("live");
  }

  /** Loads and checks what first cells wait for otherwise: the standard types, and those of `modules` if there are any. */
  warmUp(modules: readonly string[] = []): void {
    if (modules.length > 0) this.#project.keepAtHand(modules);
    for (const cell of [...modules.map((name) => `import * as all from "${name}"; all`), ...typicalCells]) {
      const { names } = parsedNames(cell);
      const result = this.compile(cell);
      if (result.ok) this.commit(result.cell.id, [...names.keys()]);
    }
    this.#scope.clear();
    // No completion here: its collator could not be kept in a snapshot.
    this.#forgetUnreachable();
  }

  /** From here on cells are those of a notebook in this folder. */
  moveTo(notebookDir: string): void {
    this.#notebookDir = notebookDir;
    this.#project.moveTo(notebookDir);
  }

  /** Knows a cell again that another process had accepted and that was run. */
  restore(id: number, text: string, liveNames: readonly string[]): void {
    this.#lastId = id - 1;
    if (this.compile(text).ok) this.commit(id, liveNames);
  }

  /** Type-checks and translates; the cell's names are visible to others only after `commit`. */
  compile(text: string): CompileResult {
    const source = objectAsExpression(text);
    const { names, mentioned } = parsedNames(source);
    const visible = [...this.#scope].filter(([name]) => mentioned.has(name) && !names.has(name));

    this.#lastId += 1;
    const id = this.#lastId;
    const cellName = `cell${id}`;
    const cellFile = this.#project.cellFile(cellName);
    const prefix = `${aliasesOf(visible)}\n`;
    const file = this.#project.put(cellFile, `${prefix}${source}\n${exportsOf(names)}`);
    const problems = this.#problemsIn(file, prefix.length, source);
    if (problems.length > 0) {
      this.#project.remove(cellFile);
      return { ok: false, problems };
    }

    const values = this.#valuesOf(file, names);
    const needs = new Set(visible.map(([, entry]) => entry.cell));
    this.#cells.set(id, { id, name: cellName, file: cellFile, names, values, needs });
    const fileName = path.join(this.#notebookDir, `.cell-${id}.ts`);
    const { code, prefixLength } = emitCell({
      fileName,
      body: source,
      imported: visible.filter(([, entry]) => entry.isValue).map(([name]) => name),
      declared: [...names.values()].filter(({ name }) => values.has(name)),
      options: this.#project.options,
    });
    return { ok: true, cell: { id, fileName, source, code, prefixLength } };
  }

  /** Makes the cell's types visible, and those of its values that the run has brought to life. */
  commit(id: number, liveNames: readonly string[]): void {
    const cell = this.#cells.get(id);
    if (!cell) throw new Error(`compiler: internal: expected a compiled cell, got ${id}`);
    const live = new Set(liveNames);
    for (const { name, assignable } of cell.names.values()) {
      const isValue = cell.values.has(name);
      if (!isValue || live.has(name)) this.#scope.set(name, { cell, assignable, isValue });
    }
    this.#forgetUnreachable();
  }

  complete(text: string, offset: number): Completion {
    const { fileName, prefixLength } = this.#live(text);
    const word = /[\p{ID_Continue}$]*$/u.exec(text.slice(0, offset))?.[0] ?? "";
    const options = { includeCompletionsWithInsertText: false };
    const found = this.#project.service.getCompletionsAtPosition(fileName, prefixLength + offset, options);
    const span = found?.optionalReplacementSpan;
    const start = span ? Math.max(0, span.start - prefixLength) : offset - word.length;
    const typed = text.slice(start, offset).toLowerCase();
    const matches = (found?.entries ?? [])
      .filter(
        ({ name, kind }) => name.toLowerCase().startsWith(typed) && kind !== ts.ScriptElementKind.warning,
      )
      .filter(({ name }) => !cellAlias.test(name))
      .sort((a, b) => compare(a.sortText, b.sortText) || compare(a.name, b.name))
      .map(({ name, kind }) => ({ text: name, type: kind }));
    return { start, end: offset, matches };
  }

  inspect(text: string, offset: number): Inspection | undefined {
    const { fileName, prefixLength } = this.#live(text);
    const at = prefixLength + offset;
    const info =
      this.#quickInfo(fileName, at) ?? (offset > 0 ? this.#quickInfo(fileName, at - 1) : undefined);
    if (!info) return undefined;
    const tags = (info.tags ?? []).map(
      ({ name, text: parts }) => `@${name} ${ts.displayPartsToString(parts)}`,
    );
    return {
      signature: withoutAlias(ts.displayPartsToString(info.displayParts)),
      documentation: [ts.displayPartsToString(info.documentation), ...tags].filter(Boolean).join("\n"),
    };
  }

  /** A name of an earlier cell is an alias here: what is to be known of it stands where it was declared. */
  #quickInfo(fileName: string, at: number): ts.QuickInfo | undefined {
    const { service } = this.#project;
    const [origin] = service.getDefinitionAtPosition(fileName, at) ?? [];
    const isOfCell =
      origin !== undefined && this.#project.isCell(origin.fileName) && origin.fileName !== fileName;
    const there = isOfCell
      ? service.getQuickInfoAtPosition(origin.fileName, origin.textSpan.start)
      : undefined;
    return there ?? service.getQuickInfoAtPosition(fileName, at);
  }

  isComplete(text: string): Completeness {
    return completenessOf(text);
  }

  /** The text being typed, with every visible name in reach. */
  #live(text: string): { fileName: string; prefixLength: number } {
    const names = declaredNames(parse(text));
    const aliases = aliasesOf([...this.#scope].filter(([name]) => !names.has(name)));
    const prefix = `${aliases}\n`;
    this.#project.put(this.#liveFile, `${prefix}${text}\nexport {};`);
    return { fileName: this.#liveFile, prefixLength: prefix.length };
  }

  /** Syntax errors, or if there are none type errors. */
  #problemsIn(file: ts.SourceFile, prefixLength: number, source: string): Problem[] {
    const { service } = this.#project;
    const where = { file, prefixLength, bodyLength: source.length };
    const problems = problemsIn(service.getSyntacticDiagnostics(file.fileName), "syntax", where);
    if (problems.length > 0 || /^\s*\/\/\s*@ts-nocheck\b/m.test(source)) return problems;
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
    for (const cell of this.#cells.values()) {
      if (reachable.has(cell)) continue;
      this.#cells.delete(cell.id);
      this.#project.remove(cell.file);
    }
  }
}

/** One line without a line break, which the compiler puts above the person's text. */
function aliasesOf(visible: readonly (readonly [string, ScopeEntry])[]): string {
  const cells = new Set(visible.map(([, { cell }]) => cell.name));
  const aliases = visible.map(([name, { cell, assignable }]) => {
    const origin = `$${cell.name}.${name}`;
    // A name that may be assigned to cannot be an alias; a constant must be one, to keep literal types widening.
    return assignable ? `declare let ${name}: typeof ${origin}; ` : `import ${name} = ${origin}; `;
  });
  return [...[...cells].map(cellImport), ...aliases].join("");
}

/** Names of other cells and of imports are aliases to TypeScript, which says so before and after what matters. */
function withoutAlias(signature: string): string {
  return signature.replace(/^\(alias\) /, "").replace(/\n(?:import|export) .*$/, "");
}

function exportsOf(names: Map<string, DeclaredName>): string {
  const exported = [...names.values()].filter((name) => !name.exported).map(({ name }) => name);
  return `export { ${exported.join(", ")} };`;
}

/** `{ a: 1 }` on its own is meant as an object, not as a block with a label. */
function objectAsExpression(text: string): string {
  if (!/^\s*\{[\s\S]*\}\s*$/.test(text)) return text;
  const asExpression = `(${text})`;
  const { parseDiagnostics } = parse(asExpression) as unknown as { parseDiagnostics: readonly unknown[] };
  return parseDiagnostics.length === 0 ? asExpression : text;
}

/** Declared without existing at run time: `declare …`, or imported by `import type`. */
function isAmbient(node: ts.Declaration): boolean {
  if (ts.isTypeOnlyImportOrExportDeclaration(node)) return true;
  return (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Ambient) !== 0;
}

function parsedNames(source: string): { names: Map<string, DeclaredName>; mentioned: Set<string> } {
  const parsed = parse(source);
  return { names: declaredNames(parsed), mentioned: mentionedNames(parsed) };
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile("cell.ts", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
