/** Names of files and modules that go on from what was typed. */
import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import path from "node:path";
import type { CompletionMatch } from "./contract";

/** What stands for the last part of what was typed. */
export interface PathMatches {
  /** How many characters at the end of what was typed the matches replace. */
  replaced: number;
  matches: CompletionMatch[];
}

/** No front end shows more. */
const maxMatches = 500;

/** Files and folders that go on from `typed`, which is relative to `folder` or absolute; hidden ones if a dot was typed. */
export function matchPaths(typed: string, folder: string): PathMatches {
  const last = typed.slice(typed.lastIndexOf("/") + 1);
  const matches = entriesOf(path.resolve(folder, typed.slice(0, typed.length - last.length)))
    .filter(({ name }) => name.startsWith(last) && (last.startsWith(".") || !name.startsWith(".")))
    .map(({ name, isFolder }) => ({
      text: isFolder ? `${name}/` : name,
      type: isFolder ? "folder" : "file",
    }));
  return { replaced: last.length, matches: matches.slice(0, maxMatches) };
}

/** What can be imported: relative to one of the `bases`, a package found from there upwards, or a module of Node. */
export function matchModules(typed: string, bases: readonly string[]): PathMatches {
  if (/^\.{0,2}\//.test(typed) || /^\.{1,2}$/.test(typed)) return matchFiles(typed, bases);
  const [, name, below] = /^(@[^/]*\/[^/]*|[^@/][^/]*)(?:\/(.*))?$/.exec(typed) ?? [];
  if (below === undefined || typed.startsWith("node:")) return matchPackages(typed, bases);
  const last = below.slice(below.lastIndexOf("/") + 1);
  const ahead = below.slice(0, below.length - last.length);
  const found = packageFolders(bases)
    .map((folder) => path.join(folder, name))
    .find(isFolder);
  if (!found) return { replaced: last.length, matches: [] };
  const exported = exportsOf(found);
  if (!exported) return { ...importable(path.join(found, ahead), last), replaced: last.length };
  const names = exported
    .filter((key) => key.startsWith(ahead))
    .map((key) => key.slice(ahead.length).replace(/\/.*$/, "/"));
  return { replaced: last.length, matches: toMatches(names, last, "module") };
}

function matchFiles(typed: string, bases: readonly string[]): PathMatches {
  const last = /^\.{1,2}$/.test(typed) ? "" : typed.slice(typed.lastIndexOf("/") + 1);
  const ahead = typed.slice(0, typed.length - last.length);
  for (const base of bases) {
    const found = importable(path.resolve(base, ahead), last);
    // "." and ".." go on with a slash.
    if (/^\.{1,2}$/.test(typed))
      return { replaced: typed.length, matches: toMatches(["./", "../"], typed, "folder") };
    if (found.matches.length > 0) return { replaced: last.length, ...found };
  }
  return { replaced: last.length, matches: [] };
}

/** Files as an import names them: without the extensions that are found anyway. */
function importable(folder: string, last: string): { matches: CompletionMatch[] } {
  const names = entriesOf(folder).flatMap(({ name, isFolder }) => {
    if (name.startsWith(".") || name === "node_modules") return [];
    if (isFolder) return [`${name}/`];
    if (!/\.(?:[cm]?[jt]sx?|json)$/.test(name)) return [];
    return [name.replace(/(?:\.d)?\.tsx?$|\.jsx?$/, "")];
  });
  return { matches: toMatches(names, last) };
}

function matchPackages(typed: string, bases: readonly string[]): PathMatches {
  const names = typed.startsWith("node:")
    ? builtinModules.map((name) => `node:${name.replace(/^node:/, "")}`)
    : [...builtinModules, ...packageFolders(bases).flatMap(packagesIn)];
  const isPrivate = (name: string) => /^(?:node:)?_/.test(name) || name.startsWith("@types/");
  const known = names.filter((name) => !isPrivate(name));
  return { replaced: typed.length, matches: toMatches(known, typed, "module") };
}

/** The `node_modules` folders from the bases upwards. */
function packageFolders(bases: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const base of bases) {
    for (let folder = base; ; folder = path.dirname(folder)) {
      folders.add(path.join(folder, "node_modules"));
      if (folder === path.dirname(folder)) break;
    }
  }
  return [...folders];
}

function packagesIn(folder: string): string[] {
  return entriesOf(folder).flatMap(({ name, isFolder }) => {
    if (!isFolder || name.startsWith(".")) return [];
    if (!name.startsWith("@")) return [name];
    return entriesOf(path.join(folder, name)).map((inner) => `${name}/${inner.name}`);
  });
}

/** What a package exports below its name; undefined if it says nothing and every file can be had. Patterns name no module. */
function exportsOf(folder: string): string[] | undefined {
  try {
    const text = readFileSync(path.join(folder, "package.json"), "utf8");
    const { exports } = JSON.parse(text) as { exports?: unknown };
    if (exports === undefined) return undefined;
    const keys = typeof exports === "object" && exports !== null ? Object.keys(exports) : [];
    return keys.filter((key) => key.startsWith("./") && !key.includes("*")).map((key) => key.slice(2));
  } catch {
    return undefined;
  }
}

function toMatches(names: Iterable<string>, typed: string, type?: string): CompletionMatch[] {
  const fitting = [...new Set(names)].filter((name) => name.startsWith(typed) && name !== "").sort();
  return fitting
    .slice(0, maxMatches)
    .map((text) => ({ text, type: type ?? (text.endsWith("/") ? "folder" : "module") }));
}

/** A folder's entries by name; none if it cannot be read. */
function entriesOf(folder: string): { name: string; isFolder: boolean }[] {
  let entries: Dirent[] = [];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory() || (entry.isSymbolicLink() && isFolder(path.join(folder, entry.name))),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
