/** TypeScript's registry of parsed files, for files that hardly ever change and are wanted again. */
import ts from "typescript";

/**
 * Keeps the latest version of every file, also while no program has it: what was parsed before a snapshot of the process was
 * taken is there for the first cell that imports it. For one language service only.
 */
export function keepingRegistry(): ts.DocumentRegistry {
  const files = new Map<string, { version: string; file: ts.SourceFile }>();
  const find = (
    fileName: string,
    where: ts.Path,
    snapshot: ts.IScriptSnapshot,
    version: string,
    kind: ts.ScriptKind | undefined,
    options: ts.CreateSourceFileOptions | ts.ScriptTarget = ts.ScriptTarget.Latest,
  ): ts.SourceFile => {
    const known = files.get(where);
    if (known?.version === version) return known.file;
    const file = ts.createLanguageServiceSourceFile(fileName, snapshot, options, version, false, kind);
    files.set(where, { version, file });
    return file;
  };
  const key = "" as ts.DocumentRegistryBucketKey;
  const nowhere = (fileName: string) => fileName as ts.Path;
  return {
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
