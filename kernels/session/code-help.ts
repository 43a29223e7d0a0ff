/** Help with code that is being written: completion, inspection, and whether it is complete. */
import type { CompilerClient } from "../compiler";
import type { Json } from "../protocol";
import type { Handlers, Request } from "./handlers";
import { toCodePoints, toUtf16 } from "./offsets";

export class CodeHelp {
  readonly #compiler: CompilerClient;
  readonly handlers: Handlers = {
    complete_request: async (request) => ({ content: await this.#complete(...codeAt(request)) }),
    inspect_request: async (request) => ({ content: await this.inspect(...codeAt(request)) }),
    is_complete_request: async ({ fields }) => ({
      content: { ...(await this.#compiler.isComplete(fields.text("code"))) },
    }),
  };

  constructor(compiler: CompilerClient) {
    this.#compiler = compiler;
  }

  /** An inspect_reply's content; `offset` in UTF-16 units. */
  async inspect(code: string, offset: number): Promise<Json> {
    const found = await this.#compiler.inspect(code, offset);
    if (!found) return { found: false, data: {}, metadata: {} };
    const { signature, documentation } = found;
    const data = {
      "text/plain": [signature, documentation].filter(Boolean).join("\n\n"),
      "text/markdown": [`\`\`\`typescript\n${signature}\n\`\`\``, documentation].filter(Boolean).join("\n\n"),
    };
    return { found: true, data, metadata: {} };
  }

  async #complete(code: string, offset: number): Promise<Json> {
    const { start, end, matches } = await this.#compiler.complete(code, offset);
    const [from, to] = [toCodePoints(code, start), toCodePoints(code, end)];
    const types = matches.map(({ text, type }) => ({ text, type, start: from, end: to }));
    return {
      matches: matches.map(({ text }) => text),
      cursor_start: from,
      cursor_end: to,
      metadata: { _jupyter_types_experimental: types },
    };
  }
}

/** The text and the cursor in it, in UTF-16 units; at its end unless the front end says where. */
function codeAt({ fields }: Request): [code: string, offset: number] {
  const code = fields.text("code");
  const cursor = fields.optionalInteger("cursor_pos");
  return [code, cursor === undefined ? code.length : toUtf16(code, cursor)];
}
