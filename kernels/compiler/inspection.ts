/** What is known of a name: its type, documentation, and where it is defined. */
import path from "node:path";
import ts from "typescript";
import type { LiveText } from "./completion";
import type { Definition, Inspection } from "./contract";
import { addDocumentation } from "./documentation";
import type { Project } from "./project";

/** Overloads and merged declarations beyond these are left out. */
const maxDefinitions = 3;
/** A longer definition is cut: lines. */
const maxLines = 200;

export function inspectAt(
  project: Project,
  { fileName, prefixLength }: LiveText,
  offset: number,
): Inspection | undefined {
  const at = prefixLength + offset;
  const definitions = project.service.getDefinitionAtPosition(fileName, at) ?? [];
  documentAll(project, definitions);
  const info = quickInfo(project, fileName, at, definitions[0]);
  if (!info) return undefined;
  const signature = withoutAlias(ts.displayPartsToString(info.displayParts));
  // What TypeScript says of a name that does not exist.
  if (signature === "any" && definitions.length === 0) return undefined;
  const { documentation, tags = [] } = info.documentation?.length
    ? info
    : (functionInfo(project, fileName, at) ?? info);
  return {
    signature,
    documentation: ts.displayPartsToString(documentation),
    tags: tags.map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) })),
    definitions: definitions.slice(0, maxDefinitions).flatMap((found) => describe(project, found) ?? []),
  };
}

/** A name of an earlier cell is an alias here: what is to be known of it stands where it was declared. */
function quickInfo(
  { service, isCell }: Project,
  fileName: string,
  at: number,
  origin: ts.DefinitionInfo | undefined,
): ts.QuickInfo | undefined {
  const isOfCell = origin !== undefined && isCell(origin.fileName) && origin.fileName !== fileName;
  const there = isOfCell ? service.getQuickInfoAtPosition(origin.fileName, origin.textSpan.start) : undefined;
  return there ?? service.getQuickInfoAtPosition(fileName, at);
}

/** Of the function whose type the name has, as all of TensorFlow's have: `const mean: typeof mean_`. */
function functionInfo(project: Project, fileName: string, at: number): ts.QuickInfo | undefined {
  const { service } = project;
  const [type] = service.getTypeDefinitionAtPosition(fileName, at) ?? [];
  if (type?.kind !== ts.ScriptElementKind.functionElement) return undefined;
  documentAll(project, [type]);
  return service.getQuickInfoAtPosition(type.fileName, type.textSpan.start);
}

function documentAll({ service }: Project, definitions: readonly ts.DefinitionInfo[]): void {
  const program = service.getProgram();
  for (const { fileName } of definitions) {
    const file = program?.getSourceFile(fileName);
    if (file) addDocumentation(file);
  }
}

/** Names of other cells and of imports are aliases to TypeScript, which says so before and after what matters. */
function withoutAlias(signature: string): string {
  return signature.replace(/^\(alias\) /, "").replace(/\n(?:import|export) .*$/, "");
}

function describe(
  { service, isCell, root }: Project,
  { fileName, contextSpan, textSpan }: ts.DefinitionInfo,
): Definition | undefined {
  const file = service.getProgram()?.getSourceFile(fileName);
  if (!file) return undefined;
  const { start, length } = contextSpan ?? textSpan;
  const lines = wholeText(file, isCell(fileName))
    .slice(start, start + length)
    .split("\n");
  const text = lines.length > maxLines ? [...lines.slice(0, maxLines), "…"].join("\n") : lines.join("\n");
  const line = file.getLineAndCharacterOfPosition(start).line + 1;
  const where = isCell(fileName) ? "in a cell" : `${path.relative(root, fileName)}:${line}`;
  return { where, text };
}

/** The type checker has modules without the bodies of functions, which take up as many characters there. */
function wholeText({ fileName, text }: ts.SourceFile, isOfCell: boolean): string {
  const onDisk = isOfCell ? undefined : ts.sys.readFile(fileName);
  return onDisk?.length === text.length ? onDisk : text;
}
