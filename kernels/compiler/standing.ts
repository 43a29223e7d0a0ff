/**
 * A program of TypeScript to which files are added while it stands. TypeScript makes a new program, and with it a type checker
 * that has forgotten everything, for each change of one file; but its checker looks at a file only when it is asked to, and so one
 * and the same checker can go on to files that are shown to it later. Only the few methods below, by which checker and language
 * service ask for files, have to know of them. They are not in TypeScript's public types: this is the one place that names them.
 */
import ts from "typescript";

type Mode = ts.ResolutionMode;
type Resolved = ts.ResolvedModuleWithFailedLookupLocations;

interface FoundFile extends ts.SourceFile {
  path: ts.Path;
  resolvedPath: ts.Path;
  originalFileName: string;
  imports: readonly ts.StringLiteralLike[];
  moduleAugmentations: readonly ts.StringLiteral[];
  ambientModuleNames: readonly string[];
}

interface FoundProgram {
  getSourceFile(fileName: string): ts.SourceFile | undefined;
  getSourceFileByPath(path: ts.Path): ts.SourceFile | undefined;
  getResolvedModule(file: ts.SourceFile, name: string, mode: Mode): Resolved | undefined;
  getResolvedModuleFromModuleSpecifier(
    specifier: ts.StringLiteralLike,
    file?: ts.SourceFile,
  ): Resolved | undefined;
}

/** A module that a file names. */
export interface Reference {
  literal: ts.StringLiteralLike;
  mode: Mode;
}

interface Added {
  file: FoundFile;
  resolved: Map<string, Resolved>;
}

const bind = (ts as unknown as { bindSourceFile(file: ts.SourceFile, options: ts.CompilerOptions): void })
  .bindSourceFile;

export class StandingProgram {
  readonly program: ts.Program;
  readonly #options: ts.CompilerOptions;
  readonly #added = new Map<string, Added>();

  constructor(program: ts.Program, options: ts.CompilerOptions) {
    this.program = program;
    this.#options = options;
    const found = program as unknown as FoundProgram;
    const { getSourceFile, getSourceFileByPath, getResolvedModule } = found;
    found.getSourceFile = (name) => this.#added.get(name)?.file ?? getSourceFile(name);
    found.getSourceFileByPath = (path) => this.#added.get(path)?.file ?? getSourceFileByPath(path);
    found.getResolvedModule = (file, name, mode) => {
      const added = this.#added.get(file.fileName);
      return added?.file === file
        ? added.resolved.get(keyOf(name, mode))
        : getResolvedModule(file, name, mode);
    };
    found.getResolvedModuleFromModuleSpecifier = (specifier, file = specifier.getSourceFile()) =>
      found.getResolvedModule(
        file,
        specifier.text,
        ts.getModeForUsageLocation(file, specifier, this.#options),
      );
  }

  /** Shows a parsed file to the program; one of the same name is no longer seen. */
  add(file: ts.SourceFile, resolved: readonly (Reference & { to: Resolved })[]): void {
    const found = file as FoundFile;
    const where = found.fileName as ts.Path;
    Object.assign(found, { path: where, resolvedPath: where, originalFileName: where });
    // What a new program would find in the file; `changesOthers` has seen that the latter two are none.
    found.imports = resolved.map(({ literal }) => literal);
    Object.assign(found, { moduleAugmentations: [], ambientModuleNames: [] });
    bind(found, this.#options);
    const byKey = resolved.map(({ literal, mode, to }) => [keyOf(literal.text, mode), to] as const);
    this.#added.set(where, { file: found, resolved: new Map(byKey) });
  }

  remove(fileName: string): void {
    this.#added.delete(fileName);
  }

  /** Before another program takes the place of this one, and takes over what was its own from the start. */
  end(): void {
    this.#added.clear();
  }
}

/** All modules that a file names, as far as that stands in its text. */
export function referencesIn(file: ts.SourceFile, options: ts.CompilerOptions): Reference[] {
  const references: Reference[] = [];
  const add = (node: ts.Node | undefined) => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    references.push({ literal: node, mode: ts.getModeForUsageLocation(file, node, options) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isExternalModuleReference(node)) add(node.expression);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0]);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return references;
}

/** Whether a file changes what other files see without being imported by them: that takes a new program. */
export function changesOthers(file: ts.SourceFile): boolean {
  const directives =
    file.referencedFiles.length + file.typeReferenceDirectives.length + file.libReferenceDirectives.length;
  const augments = (statement: ts.Statement) =>
    ts.isModuleDeclaration(statement) &&
    (ts.isStringLiteral(statement.name) || (statement.flags & ts.NodeFlags.GlobalAugmentation) !== 0);
  return directives > 0 || file.statements.some(augments);
}

function keyOf(name: string, mode: Mode): string {
  return `${mode ?? ""} ${name}`;
}
