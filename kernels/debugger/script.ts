/** A text that runs and the TypeScript that it was made from: lines of the one as lines of the other. Everything counts from 0. */
import { SourceMap } from "node:module";

export interface Position {
  line: number;
  column: number;
}

export interface ScriptOptions {
  /** What runs, with its source map in the last comment; without a map the text is its own source. */
  code: string;
  /** Characters on the source's first line that the compiler put there. */
  prefixLength?: number;
}

export class Script {
  readonly #code: string;
  readonly #map: SourceMap | undefined;
  readonly #prefixLength: number;
  #firstPositions: Map<number, Position> | undefined;

  constructor({ code, prefixLength = 0 }: ScriptOptions) {
    const start = code.lastIndexOf("//# sourceMappingURL=data:application/json");
    this.#code = start === -1 ? code : code.slice(0, start);
    this.#map = start === -1 ? undefined : decode(code.slice(start).trimEnd());
    this.#prefixLength = prefixLength;
  }

  /** The source as the map carries it. */
  get source(): string | undefined {
    return this.#map ? this.#map.payload.sourcesContent?.[0] : this.#code;
  }

  /** Where the person wrote what stands at a place of the running text; undefined for what a compiler wrote. */
  toSource(place: Position): Position | undefined {
    if (!this.#map) return place;
    const found = this.#map.findEntry(place.line, place.column);
    if (!("originalLine" in found) || found.originalLine === undefined) return undefined;
    const { originalLine: line, originalColumn: column, generatedLine, generatedColumn } = found;
    // What a compiler writes before anything of the person's is taken for the file's very beginning.
    const isExact = generatedLine === place.line && generatedColumn === place.column;
    if (line === 0 && (column < this.#prefixLength || (column === 0 && !isExact))) return undefined;
    return { line, column: line === 0 ? column - this.#prefixLength : column };
  }

  /** The first place of the running text that a line of the source, or else the next one that has any, became. */
  fromSource(line: number): { place: Position; line: number } | undefined {
    if (!this.#map) return { place: { line, column: 0 }, line };
    this.#firstPositions ??= this.#index();
    let best: number | undefined;
    for (const candidate of this.#firstPositions.keys()) {
      if (candidate >= line && (best === undefined || candidate < best)) best = candidate;
    }
    const place = best === undefined ? undefined : this.#firstPositions.get(best);
    return place && { place, line: best as number };
  }

  #index(): Map<number, Position> {
    const first = new Map<number, Position>();
    for (const [line, text] of this.#code.split("\n").entries()) {
      for (const { index: column = 0 } of text.matchAll(/[\p{ID_Continue}$]+|[^\s\p{ID_Continue}$]/gu)) {
        const found = this.#map?.findEntry(line, column);
        if (!found || !("generatedLine" in found)) continue;
        if (found.generatedLine !== line || found.generatedColumn !== column) continue;
        const source = this.toSource({ line, column });
        if (source && !first.has(source.line)) first.set(source.line, { line, column });
      }
    }
    return first;
  }
}

/** The map in a comment, as tsx and the cells' compiler write it. */
function decode(comment: string): SourceMap {
  const encoded = comment.slice(comment.indexOf("base64,") + "base64,".length);
  return new SourceMap(JSON.parse(Buffer.from(encoded, "base64").toString("utf8")));
}
