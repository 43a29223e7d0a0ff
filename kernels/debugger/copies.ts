/** "Copy variable to globals": a value of a stopped frame becomes a name of the notebook once the cell has ended. */

/** Where such values wait, by name, on `globalThis` of the main thread. */
export const copiesSymbol = Symbol.for("Vitrine.copies");

/** The cell that declares the name; its type is that of no declaration, and so unknown. */
export function copyCell(name: string): string {
  return `let ${name}: any = (globalThis as any)[Symbol.for("${copiesSymbol.description}")].${name};\nundefined`;
}
