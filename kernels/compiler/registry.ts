/** TypeScript's registry of parsed files, for files that hardly ever change and are wanted again. */
import ts from "typescript";
import { withoutDocumentation } from "./documentation";

export interface KeepingRegistry extends ts.DocumentRegistry {
  /** Parses a file as TypeScript would parse those that lie beside it. */
  file(fileName: string, snapshot: ts.IScriptSnapshot, version: string): ts.SourceFile;
  forget(fileName: string): void;
}

/**
 * Keeps the latest version of every file, also while no program has it: what was parsed before a snapshot of the process was
 * taken is there for the first cell that imports it. For one language service only, whose files are parsed as `model` is, and but for cells
 * without their documentation.
 */
export function keepingRegistry(model: string, isOfCell: (fileName: string) => boolean): KeepingRegistry {
  const files = new Map<string, { version: string; file: ts.SourceFile }>();
  let modelOptions: ts.CreateSourceFileOptions | ts.ScriptTarget = ts.ScriptTarget.Latest;
  const find = (
    fileName: string,
    where: ts.Path,
    snapshot: ts.IScriptSnapshot,
    version: string,
    kind: ts.ScriptKind | undefined,
    options: ts.CreateSourceFileOptions | ts.ScriptTarget = ts.ScriptTarget.Latest,
  ): ts.SourceFile => {
    if (fileName === model) modelOptions = options;
    const known = files.get(where);
    if (known?.version === version) return known.file;
    const parsing = isOfCell(fileName) ? options : withoutDocumentation(fileName, options);
    const file = ts.createLanguageServiceSourceFile(fileName, snapshot, parsing, version, true, kind);
    files.set(where, { version, file });
    return file;
  };
  const key = "" as ts.DocumentRegistryBucketKey;
  const nowhere = (fileName: string) => fileName as ts.Path;
  return {
    file: (fileName, snapshot, version) =>
      find(fileName, nowhere(fileName), snapshot, version, ts.ScriptKind.TS, modelOptions),
    forget: (fileName) => void files.delete(fileName),
    acquireDocument: (fileName, _settings, snapshot, version, kind, options) =>
      find(fileName, nowhere(fileName), snapshot, version, kind, options),
    acquireDocumentWithKey: (fileName, where, _settings, _key, snapshot, version, kind, options) =>
      find(fileName, where, snapshot, version, kind, options),
    updateDocument: (fileName, _settings, snapshot, version, kind, options) =>
      find(fileName, nowhere(fileName), snapshot, version, kind, options),
    updateDocumentWithKey: (fileName, where, _settings, _key, snapshot, version, kind, options) =>
      find(fileName, where, snapshot, version, kind, options),
    getKeyForCompilationSettings: () => key,
    releaseDocument: () => {},
    releaseDocumentWithKey: () => {},
    reportStats: () => `${files.size} files`,
  };
}
