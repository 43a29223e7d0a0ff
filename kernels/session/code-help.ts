/** Help with code that is being written: completion, inspection, and whether it is complete. */
import {
  type CompilerClient,
  type Completeness,
  type Completion,
  type Inspection,
  matchPaths,
} from "../compiler";
import type { Json } from "../protocol";
import { magicNames, readCell, readHelp, typescriptOf } from "./cell-text";
import type { Handlers, Request } from "./handlers";
import { toCodePoints, toUtf16 } from "./offsets";

export class CodeHelp {
  readonly #compiler: CompilerClient;
  readonly handlers: Handlers = {
    complete_request: async (request) => ({ content: await this.#complete(...codeAt(request)) }),
    inspect_request: async (request) => {
      const detail = request.fields.optionalInteger("detail_level") ?? 0;
      return { content: await this.inspect(...codeAt(request), detail) };
    },
    is_complete_request: async ({ fields }) => ({
      content: { ...(await this.#isComplete(fields.text("code"))) },
    }),
  };

  constructor(compiler: CompilerClient) {
    this.#compiler = compiler;
  }

  /** An inspect_reply's content; `offset` in UTF-16 units. From detail 1 on with the source. */
  async inspect(code: string, offset: number, detail: number): Promise<Json> {
    const found = await this.#compiler.inspect(typescriptOf(code), offset);
    return found
      ? { found: true, data: describe(found, detail > 0), metadata: {} }
      : { found: false, data: {}, metadata: {} };
  }

  async #complete(code: string, offset: number): Promise<Json> {
    const { start, end, matches } =
      completeFirstLine(code.slice(0, offset)) ?? (await this.#compiler.complete(typescriptOf(code), offset));
    const [from, to] = [toCodePoints(code, start), toCodePoints(code, end)];
    return {
      matches: matches.map(({ text }) => text),
      cursor_start: from,
      cursor_end: to,
      metadata: { _jupyter_types_experimental: matches.map((match) => ({ ...match, start: from, end: to })) },
    };
  }

  async #isComplete(text: string): Promise<Completeness> {
    const { magic, code } = readCell(text);
    if (readHelp(text)) return { status: "complete" };
    if (magic?.kind === "unknown") return { status: "invalid" };
    // A command goes on after a backslash, shown text until an empty line.
    const isOpen =
      magic?.kind === "shell" ? /\\\n?$/ : magic?.kind === "show" ? /(?:^|\n).*\S.*$/ : undefined;
    if (isOpen?.test(text)) return { status: "incomplete", indent: "" };
    return this.#compiler.isComplete(magic?.kind === "measure" ? magic.code : code);
  }
}

/** Completes names of magics, and files in a shell command; `text` is the cell up to the cursor. */
function completeFirstLine(text: string): Completion | undefined {
  const end = text.length;
  const name = /^\s*(%%?[\p{ID_Continue}]*)$/u.exec(text)?.[1];
  if (name !== undefined) {
    const matches = magicNames.filter((known) => known.startsWith(name));
    return {
      start: end - name.length,
      end,
      matches: matches.map((known) => ({ text: known, type: "magic" })),
    };
  }
  const { magic, code } = readCell(text);
  if (magic?.kind !== "shell" || code.trim() !== "" || /\n$/.test(text)) return undefined;
  const word = /[^\s"'`=;|&<>()]*$/.exec(text)?.[0] ?? "";
  const { replaced, matches } = matchPaths(word, process.cwd());
  return { start: end - replaced, end, matches };
}

/** The text and the cursor in it, in UTF-16 units; at its end unless the front end says where. */
function codeAt({ fields }: Request): [code: string, offset: number] {
  const code = fields.text("code");
  const cursor = fields.optionalInteger("cursor_pos");
  return [code, cursor === undefined ? code.length : toUtf16(code, cursor)];
}

/** As plain text and as Markdown. */
function describe(found: Inspection, withSource: boolean): Json {
  const { signature, documentation, tags, definitions } = found;
  const fenced = (text: string) => `\`\`\`typescript\n${text}\n\`\`\``;
  const sources = withSource ? definitions : [];
  const plain = sources.map(({ where, text }) => `${where}:\n${text}`);
  const rich = sources.map(({ where, text }) => `\`${where}\`\n\n${fenced(text)}`);
  const join = (parts: string[]) => parts.filter(Boolean).join("\n\n");
  return {
    "text/plain": join([
      signature,
      [documentation, ...tags.map(({ name, text }) => `@${name} ${text}`.trimEnd())]
        .filter(Boolean)
        .join("\n"),
      ...plain,
    ]),
    "text/markdown": join([
      fenced(signature),
      documentation,
      ...tags.map(({ name, text }) => (name === "example" ? example(text) : `*@${name}* ${text}`)),
      ...rich,
    ]),
  };
}

/** An example is code unless it brings its own fences. */
function example(text: string): string {
  return text.includes("```") ? `*@example*\n\n${text}` : `*@example*\n\n\`\`\`typescript\n${text}\n\`\`\``;
}
