/** Finds the names that a cell declares at its top level and those that it mentions, from syntax alone. */
import ts from "typescript";

export interface DeclaredName {
  name: string;
  /** A variable that may be assigned to again (`let`, `var`). */
  assignable: boolean;
  /** Already exported by the person's own `export`. */
  exported: boolean;
}

/** Top-level declarations in order, each name once, with `var`s of nested blocks. */
export function declaredNames(file: ts.SourceFile): Map<string, DeclaredName> {
  const names = new Map<string, DeclaredName>();
  const add = (name: string, assignable = false, exported = false) => {
    if (!names.has(name)) names.set(name, { name, assignable, exported });
  };
  const addBinding = (binding: ts.BindingName, assignable: boolean, exported: boolean): void => {
    if (ts.isIdentifier(binding)) {
      add(binding.text, assignable, exported);
    } else {
      for (const element of binding.elements) {
        if (ts.isBindingElement(element)) addBinding(element.name, assignable, exported);
      }
    }
  };
  const addList = (list: ts.VariableDeclarationList, exported: boolean) => {
    const assignable = (list.flags & ts.NodeFlags.BlockScoped) === 0 || (list.flags & ts.NodeFlags.Let) !== 0;
    for (const declaration of list.declarations) addBinding(declaration.name, assignable, exported);
  };
  const addNestedVars = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isModuleDeclaration(node)) return;
    if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.BlockScoped) === 0)
      addList(node, false);
    ts.forEachChild(node, addNestedVars);
  };

  for (const statement of file.statements) {
    const exported = isExported(statement);
    if (ts.isVariableStatement(statement)) {
      addList(statement.declarationList, exported);
    } else if (
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isEnumDeclaration(statement) ||
      ts.isImportEqualsDeclaration(statement)
    ) {
      if (statement.name) add(statement.name.text, false, exported);
    } else if (ts.isModuleDeclaration(statement)) {
      if (ts.isIdentifier(statement.name) && !(statement.flags & ts.NodeFlags.GlobalAugmentation)) {
        add(statement.name.text, false, exported);
      }
    } else if (ts.isImportDeclaration(statement)) {
      const { importClause } = statement;
      if (importClause?.name) add(importClause.name.text);
      const bindings = importClause?.namedBindings;
      if (bindings && ts.isNamespaceImport(bindings)) add(bindings.name.text);
      if (bindings && ts.isNamedImports(bindings))
        for (const element of bindings.elements) add(element.name.text);
    } else {
      addNestedVars(statement);
    }
  }
  return names;
}

/** Every identifier in the file, wherever it stands: a superset of the names that it refers to. */
export function mentionedNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

/** The modules of `import … from "…"`, less those that only types are imported from. */
export function importedModules(file: ts.SourceFile): string[] {
  const modules = new Set<string>();
  for (const statement of file.statements) {
    if (ts.isImportDeclaration(statement) && !statement.importClause?.isTypeOnly) {
      modules.add((statement.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isImportEqualsDeclaration(statement) && !statement.isTypeOnly) {
      const { moduleReference } = statement;
      if (ts.isExternalModuleReference(moduleReference)) {
        modules.add((moduleReference.expression as ts.StringLiteral).text);
      }
    }
  }
  return [...modules];
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}
