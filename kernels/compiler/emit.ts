/** Translates one cell to JavaScript: a CommonJS body whose last expression is returned and whose awaits can be interrupted. */
import ts from "typescript";
import { scopeModule } from "./contract";

export interface EmitOptions {
  fileName: string;
  /** The person's text. */
  body: string;
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
export function emitCell({ fileName, body, imported, declared, options }: EmitOptions): {
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
    transformers: { before: [returnLastExpression, guardAwaits] },
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

function isPrefix(statement: ts.ExpressionStatement): boolean {
  return (
    ts.isCallExpression(statement.expression) &&
    statement.expression.expression.getText() === "__cell.declare"
  );
}

/** `await x` -> `__cell.resume(__cell.turn(), await x)`: does not go on if the cell was interrupted meanwhile. */
function guardAwaits(context: ts.TransformationContext): ts.Transformer<ts.SourceFile> {
  const { factory } = context;
  const call = (method: string, args: readonly ts.Expression[]) => {
    const callee = factory.createPropertyAccessExpression(factory.createIdentifier("__cell"), method);
    return factory.createCallExpression(callee, undefined, args);
  };
  const visit = (node: ts.Node): ts.Node => {
    const visited = ts.visitEachChild(node, visit, context);
    if (!ts.isAwaitExpression(visited)) return visited;
    return ts.setTextRange(call("resume", [call("turn", []), visited]), node);
  };
  return (file) => ts.visitNode(file, visit, ts.isSourceFile);
}
