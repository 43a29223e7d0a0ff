/** Where the imports of cells are looked up, for the type checker and at run time alike. */
import path from "node:path";

/** The folders in which a cell's imports are looked up, first match wins. */
export function importBases(root: string, notebookDir: string): string[] {
  const notebooks = path.join(root, "notebooks");
  return notebookDir === notebooks ? [notebookDir] : [notebookDir, notebooks];
}
