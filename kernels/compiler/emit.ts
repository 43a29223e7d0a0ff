/** Translates one cell to JavaScript: a CommonJS body whose last expression is returned and whose awaits can be interrupted. */
import ts from "typescript";
import { type CellForm, scopeModule } from "./contract";

export interface EmitOptions {
  fileName: string;
  /** The person's text. */
  body: string;
  form: CellForm;
  /** Values of earlier cells that this one mentions. */
  imported: readonly string[];
  /** Values that this cell declares. */
  declared: readonly { name: string; assignable: boolean }[];
  options: ts.CompilerOptions;
}

/** What the code of a cell is given. */
const parameters = "exports, require, module, __filename, __dirname, __cell";

/**
 * The result is a CommonJS module that exports one async function, to be called with `parameters`.
 * Names of earlier cells become property reads of the scope (TypeScript's own treatment of imported names), so that they are
 * looked up when used, as in any notebook; the cell's own names are handed to the scope as getters and setters.
 */
export function emitCell({ fileName, body, form, imported, declared, options }: EmitOptions): {
  code: string;
  prefixLength: number;
} {
  const prefix = emitPrefix(imported, declared);
  const { outputText, sourceMapText = "{}" } = ts.transpileModule(`${prefix}${body}\nexport {};`, {
    fileName,
    compilerOptions: {
      ...options,
      module: ts.ModuleKind.CommonJS,
      moduleResolution: ts.ModuleResolutionKind.Node10,
      isolatedModules: true,
      noEmit: false,
      sourceMap: true,
      inlineSources: true,
      removeComments: false,
    },
    transformers: { before: [form === "cell" ? returnLastExpression : returnFunction, guardAwaits] },
  });
  const javascript = outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "");
  const code = `module.exports = async function runCell(${parameters}) {\n${javascript}\n};\n${inlineMap(sourceMapText)}`;
  return { code, prefixLength: prefix.length };
}

/** The source map as a comment, moved down by the one line of the function's head. */
function inlineMap(sourceMapText: string): string {
  const map = JSON.parse(sourceMapText) as { mappings: string };
  const shifted = JSON.stringify({ ...map, mappings: `;${map.mappings}` });
  return `//# sourceMappingURL=data:application/json;base64,${Buffer.from(shifted).toString("base64")}`;
}

/** One line without a line break: the person's line numbers stay right. */
function emitPrefix(imported: EmitOptions["imported"], declared: EmitOptions["declared"]): string {
  const imports = imported.length === 0 ? "" : `import { ${imported.join(", ")} } from "${scopeModule}"; `;
  const accessors = declared.map(({ name, assignable }) => {
    const setter = assignable ? `, (__value) => { ${name} = __value; }` : "";
    return `${name}: [() => ${name}${setter}]`;
  });
  const declaration = accessors.length === 0 ? "" : `__cell.declare({ ${accessors.join(", ")} }); `;
  return imports + declaration;
}

function returnLastExpression(context: ts.TransformationContext): ts.Transformer<ts.SourceFile> {
  const { factory } = context;
  return (file) => {
    const last = file.statements.length - 2; // The last one is `export {}`.
    const statement = file.statements[last];
    if (!statement || !ts.isExpressionStatement(statement) || isPrefix(statement)) return file;
    const value = factory.createArrayLiteralExpression([statement.expression]);
    const result = ts.setTextRange(factory.createReturnStatement(value), statement);
    return factory.updateSourceFile(
      file,
      file.statements.map((old, i) => (i === last ? result : old)),
    );
  };
}

/** All statements but imports become one function, which the cell returns: what it holds can be run again and again. */
function returnFunction(context: ts.TransformationContext): ts.Transformer<ts.SourceFile> {
  const { factory } = context;
  return (file) => {
    const imports = file.statements.filter((statement) => ts.isImportDeclaration(statement));
    const body = file.statements.filter((statement) => !ts.isImportDeclaration(statement)).slice(0, -1);
    const last = body.at(-1);
    // Its value is returned, or V8 might find out that nobody needs it.
    if (last && ts.isExpressionStatement(last)) {
      body[body.length - 1] = ts.setTextRange(factory.createReturnStatement(last.expression), last);
    }
    const modifiers = body.some(awaits) ? [factory.createToken(ts.SyntaxKind.AsyncKeyword)] : undefined;
    const block = factory.createBlock(body, true);
    const arrow = factory.createArrowFunction(modifiers, undefined, [], undefined, undefined, block);
    const result = factory.createReturnStatement(factory.createArrayLiteralExpression([arrow]));
    const end = file.statements.slice(-1); // `export {}`
    return factory.updateSourceFile(file, [...imports, result, ...end]);
  };
}

/** Whether it awaits itself, and not only in a function inside it. */
function awaits(node: ts.Node): boolean {
  if (ts.isFunctionLike(node) || ts.isClassLike(node)) return false;
  if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)) return true;
  return ts.forEachChild(node, awaits) ?? false;
}

function isPrefix(statement: ts.ExpressionStatement): boolean {
  return (
    ts.isCallExpression(statement.expression) &&
    statement.expression.expression.getText() === "__cell.declare"
  );
}

/** The guard, as the code of a cell reaches it. */
const guard = "__cell.guard";

/**
 * `await x` -> `guard.live(await guard.wait(x))`, `for await (const x of y)` -> `… of guard.each(y)`, and `guard.caught(error)` first in each `catch`: see executor/guard.ts, and
 * executor/guard-code.ts for the same in modules. A `catch` that names KeyboardInterrupt gets it, and one whose last statement is a
 * `throw`, which only cleans up.
 */
function guardAwaits(context: ts.TransformationContext): ts.Transformer<ts.SourceFile> {
  const { factory } = context;
  let inFinally = false;
  const call = (method: string, args: readonly ts.Expression[]) =>
    factory.createCallExpression(factory.createIdentifier(`${guard}.${method}`), undefined, args);
  const awaited = (node: ts.AwaitExpression): ts.Expression => {
    const visited = ts.visitEachChild(node, visit, context);
    if (inFinally) return factory.updateAwaitExpression(visited, call("finish", [visited.expression]));
    const waiting = factory.updateAwaitExpression(visited, call("wait", [visited.expression]));
    return ts.setTextRange(call("live", [waiting]), node);
  };
  const cleaning = <T>(visitIt: () => T): T => {
    const before = inFinally;
    inFinally = true;
    const visited = visitIt();
    inFinally = before;
    return visited;
  };
  const caught = (node: ts.CatchClause): ts.CatchClause => {
    const last = node.block.statements.at(-1);
    if (last && ts.isThrowStatement(last)) return cleaning(() => ts.visitEachChild(node, visit, context));
    if (node.getText().includes("KeyboardInterrupt")) return ts.visitEachChild(node, visit, context);
    const { variableDeclaration, block } = ts.visitEachChild(node, visit, context);
    const isName = variableDeclaration && ts.isIdentifier(variableDeclaration.name);
    const name = isName ? (variableDeclaration.name as ts.Identifier) : factory.createUniqueName("caught");
    const check = factory.createExpressionStatement(call("caught", [name]));
    const statements = [check, ...block.statements];
    if (variableDeclaration && !isName) {
      const pattern = factory.createVariableDeclaration(variableDeclaration.name, undefined, undefined, name);
      statements.splice(
        1,
        0,
        factory.createVariableStatement(
          undefined,
          factory.createVariableDeclarationList([pattern], ts.NodeFlags.Let),
        ),
      );
    }
    return factory.updateCatchClause(
      node,
      isName ? variableDeclaration : factory.createVariableDeclaration(name),
      ts.setTextRange(factory.createBlock(statements, true), block),
    );
  };
  const looped = (node: ts.ForOfStatement): ts.ForOfStatement => {
    const visited = ts.visitEachChild(node, visit, context);
    const check = factory.createExpressionStatement(call("check", []));
    return factory.updateForOfStatement(
      visited,
      visited.awaitModifier,
      visited.initializer,
      call("each", [visited.expression]),
      factory.createBlock([check, visited.statement], true),
    );
  };
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isAwaitExpression(node)) return awaited(node);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const args = node.arguments.map((argument) => ts.visitNode(argument, visit, ts.isExpression));
      return factory.createCallExpression(factory.createIdentifier("__cell.import"), undefined, args);
    }
    if (ts.isCatchClause(node)) return caught(node);
    if (ts.isForOfStatement(node) && node.awaitModifier && !inFinally) return looped(node);
    if (!ts.isBlock(node) && !ts.isFunctionLike(node)) return ts.visitEachChild(node, visit, context);
    const before = inFinally;
    if (ts.isFunctionLike(node)) inFinally = false;
    else if (node.parent && ts.isTryStatement(node.parent)) inFinally ||= node.parent.finallyBlock === node;
    const visited = ts.visitEachChild(node, visit, context);
    inFinally = before;
    return visited;
  };
  return (file) => ts.visitNode(file, visit, ts.isSourceFile);
}
