/** What can stand at the cursor, by TypeScript's language service. */
import ts from "typescript";
import type { Completion, CompletionMatch } from "./contract";
import { cellAlias, type Project } from "./project";

/** The text that is being typed, behind a line of the compiler's own. */
export interface LiveText {
  fileName: string;
  prefixLength: number;
}

/** Signatures are written for so many matches: nobody reads more, and each costs a little. */
const maxSignatures = 200;

/** Undefined if nothing fits. */
export function completeCode(
  { service }: Project,
  { fileName, prefixLength }: LiveText,
  text: string,
  offset: number,
): Completion | undefined {
  const word = /[\p{ID_Continue}$]*$/u.exec(text.slice(0, offset))?.[0] ?? "";
  const options: ts.GetCompletionsAtPositionOptions = {
    includeCompletionsWithInsertText: false,
    includeSymbol: true,
  };
  const found = service.getCompletionsAtPosition(fileName, prefixLength + offset, options);
  const span = found?.optionalReplacementSpan;
  const start = span ? Math.max(0, span.start - prefixLength) : offset - word.length;
  const typed = text.slice(start, offset).toLowerCase();
  const entries = (found?.entries ?? [])
    .filter(({ name, kind }) => name.toLowerCase().startsWith(typed) && kind !== ts.ScriptElementKind.warning)
    .filter(({ name }) => !cellAlias.test(name))
    .sort((a, b) => compare(a.sortText, b.sortText) || compare(a.name, b.name));
  if (entries.length === 0) return undefined;
  const program = service.getProgram();
  const file = program?.getSourceFile(fileName);
  const checker = program?.getTypeChecker();
  const matches = entries.map((entry, i): CompletionMatch => {
    const symbol = entry.symbol && checker ? withoutAlias(entry.symbol, checker) : undefined;
    const isAlias = entry.kind === ts.ScriptElementKind.alias;
    const type = (isAlias && symbol && kindOf(symbol)) || (typeNames[entry.kind] ?? entry.kind);
    const match = { text: entry.name, type };
    if (i >= maxSignatures || !symbol || !file || !checker) return match;
    const signature = typeOf(symbol, file, checker);
    return signature === undefined ? match : { ...match, signature };
  });
  return { start, end: offset, matches };
}

/** TypeScript's words -> those that JupyterLab's completer colours: function, instance, class, module, keyword. */
const typeNames: Partial<Record<string, string>> = {
  [ts.ScriptElementKind.functionElement]: "function",
  [ts.ScriptElementKind.localFunctionElement]: "function",
  [ts.ScriptElementKind.memberFunctionElement]: "function",
  [ts.ScriptElementKind.callSignatureElement]: "function",
  [ts.ScriptElementKind.variableElement]: "instance",
  [ts.ScriptElementKind.localVariableElement]: "instance",
  [ts.ScriptElementKind.constElement]: "instance",
  [ts.ScriptElementKind.letElement]: "instance",
  [ts.ScriptElementKind.parameterElement]: "instance",
  [ts.ScriptElementKind.alias]: "module",
  [ts.ScriptElementKind.memberVariableElement]: "property",
  [ts.ScriptElementKind.memberGetAccessorElement]: "property",
  [ts.ScriptElementKind.memberSetAccessorElement]: "property",
  [ts.ScriptElementKind.memberAccessorVariableElement]: "property",
  [ts.ScriptElementKind.classElement]: "class",
  [ts.ScriptElementKind.localClassElement]: "class",
  [ts.ScriptElementKind.constructorImplementationElement]: "class",
};

/** Names of earlier cells and imported ones are aliases: what they stand for is of interest. */
function withoutAlias(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function kindOf({ flags }: ts.Symbol): string | undefined {
  if (flags & ts.SymbolFlags.Function) return "function";
  if (flags & ts.SymbolFlags.Class) return "class";
  if (flags & ts.SymbolFlags.Variable) return "instance";
  if (flags & ts.SymbolFlags.Enum) return "enum";
  if (flags & ts.SymbolFlags.Interface) return "interface";
  return flags & ts.SymbolFlags.TypeAlias ? "type" : undefined;
}

/** Undefined for what is no value. */
function typeOf(symbol: ts.Symbol, file: ts.SourceFile, checker: ts.TypeChecker): string | undefined {
  if (!(symbol.flags & ts.SymbolFlags.Value) || symbol.flags & ts.SymbolFlags.ValueModule) return undefined;
  return checker.typeToString(checker.getTypeOfSymbolAtLocation(symbol, file), file);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
