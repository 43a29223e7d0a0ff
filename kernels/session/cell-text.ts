/** The first line of a cell that is no TypeScript: `!command` and `%magic`. */
import type { Timing } from "../executor";

export type Magic =
  /** `!npm i x`: done first, the rest of the cell afterwards. */
  | { kind: "shell"; command: string }
  /** `%time f()`, `%timeit f()`: `code` is measured first; `%%time`, `%%timeit`: `code` is all that is below. */
  | { kind: "measure"; timing: Timing; code: string }
  /** `%%html`, `%%markdown`: what is below is shown. */
  | { kind: "show"; mime: string; text: string }
  /** `expected` says what there is instead. */
  | { kind: "unknown"; expected: string; got: string };

export interface CellText {
  magic: Magic | undefined;
  /** The cell's TypeScript, with blanks in place of what is none: each place keeps its line and column. Empty after `%%`. */
  code: string;
}

const shown: Readonly<Record<string, string>> = { "%%html": "text/html", "%%markdown": "text/markdown" };

/** All that there are, as they are written. */
export const magicNames: readonly string[] = [
  "%time",
  "%timeit",
  "%%time",
  "%%timeit",
  ...Object.keys(shown),
];

/** The first line that is not empty; a command goes on after a backslash at a line's end. */
const firstLine = /^(\s*)(?:!((?:\\\n|[^\n])*)|(%%?[\p{ID_Continue}]*)([^\n]*))/u;
const timeitOptions = /^(?:\s+-[nr]\s*\d+)*(?=\s|$)/;

export function readCell(source: string): CellText {
  const found = firstLine.exec(source);
  if (!found) return { magic: undefined, code: source };
  const [whole, space, command, name, rest] = found;
  const below = blank(whole) + source.slice(whole.length);
  if (command !== undefined)
    return { magic: { kind: "shell", command: command.replaceAll("\\\n", " ") }, code: below };
  if (Object.hasOwn(shown, name)) {
    const text = source.slice(whole.length).replace(/^\n/, "");
    return { magic: { kind: "show", mime: shown[name], text }, code: "" };
  }
  if (!magicNames.includes(name)) return { magic: unknown(magicNames.join(", "), name), code: "" };

  const options = name.endsWith("timeit") ? (timeitOptions.exec(rest)?.[0] ?? "") : "";
  const statement = rest.slice(options.length);
  const timing: Timing = name.endsWith("timeit") ? readOptions(options) : { kind: "time" };
  if (name.startsWith("%%")) {
    if (statement.trim() !== "")
      return {
        magic: unknown(`nothing after ${name} on its line but -n and -r`, statement.trim()),
        code: "",
      };
    return { magic: { kind: "measure", timing, code: below }, code: "" };
  }
  if (statement.trim() === "") return { magic: unknown(`an expression after ${name}`, "nothing"), code: "" };
  const code = space + blank(name + options) + statement;
  return { magic: { kind: "measure", timing, code }, code: below };
}

/** `name?` and `name??`: what is asked about, and whether the source is wanted too. */
export function readHelp(source: string): { name: string; detail: number } | undefined {
  const found = /^\s*([\p{ID_Continue}$.]+)(\?{1,2})\s*$/u.exec(source);
  return found ? { name: found[1], detail: found[2].length - 1 } : undefined;
}

/** All TypeScript of a cell in its place, for help with it. */
export function typescriptOf(source: string): string {
  const { magic, code } = readCell(source);
  if (magic?.kind !== "measure") return code === "" ? blank(source) : code;
  return magic.code + (code === "" ? "" : code.slice(magic.code.length));
}

function readOptions(options: string): Timing {
  const given = new Map(
    Array.from(options.matchAll(/-([nr])\s*(\d+)/g), ([, key, value]) => [key, Number(value)]),
  );
  const atLeastOne = (value: number | undefined) => value && Math.max(1, value);
  return { kind: "timeit", loops: atLeastOne(given.get("n")), repeats: atLeastOne(given.get("r")) };
}

function unknown(expected: string, got: string): Magic {
  return { kind: "unknown", expected, got };
}

/** Line breaks stay. */
function blank(text: string): string {
  return text.replace(/[^\n]/gu, (character) => " ".repeat(character.length));
}
