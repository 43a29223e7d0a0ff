/** Puts the guard (see guard.ts) into the JavaScript of a module, as compiler/emit.ts does into that of a cell. */
import { parse } from "acorn";
import { guardSymbol } from "./guard";
import { type Edit, shiftColumns } from "./source-map";

/** What of acorn's nodes is used here. */
interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

const guard = "__vitrine";
const header = `const ${guard} = globalThis[Symbol.for(${JSON.stringify(guardSymbol.description)})];`;

/** Lines stay where they are; the columns of an inline source map are corrected. */
export function guardCode(code: string): string {
  const program = parse(code, {
    ecmaVersion: "latest",
    sourceType: "script",
    allowReturnOutsideFunction: true,
    allowHashBang: true,
  }) as unknown as Node & { body: Node[] };
  const edits = editsOf(program, code);
  if (edits.length === 0) return code;
  const directives = program.body.findIndex((statement) => statement.directive === undefined);
  edits.push({ start: program.body[directives].start, end: program.body[directives].start, text: header });
  // Of two at one place the outer one was found first.
  const sorted = edits.map((edit, order) => ({ ...edit, order }));
  sorted.sort((a, b) => a.start - b.start || (a.text === header ? -1 : 0) || a.order - b.order);
  let guardedCode = "";
  let end = 0;
  for (const edit of sorted) {
    guardedCode += code.slice(end, edit.start) + edit.text;
    end = edit.end;
  }
  return shiftColumns(guardedCode + code.slice(end), code, sorted);
}

function editsOf(program: Node, code: string): Edit[] {
  const edits: Edit[] = [];
  const insert = (at: number, text: string) => edits.push({ start: at, end: at, text });
  const visit = (node: Node, inFinally: boolean): void => {
    if (node.type === "AwaitExpression") {
      const afterWord = node.start + "await".length;
      if (!inFinally) insert(node.start, `${guard}.live(`);
      insert(afterWord, inFinally ? ` ${guard}.finish(` : ` ${guard}.wait(`);
      visitAll(node, inFinally);
      insert(node.end, inFinally ? ")" : "))");
      return;
    }
    if (node.type === "CatchClause") {
      const block = node.body as Node & { body: Node[] };
      // One that throws again in any case only cleans up.
      if (block.body.at(-1)?.type === "ThrowStatement") {
        visitAll(node, true);
        return;
      }
      if (!code.slice(node.start, node.end).includes("KeyboardInterrupt")) guardCatch(node);
    }
    if (node.type === "ForOfStatement" && node.await && !inFinally) {
      const [body, values] = [node.body as Node, node.right as Node];
      insert(values.start, ` ${guard}.each(`);
      const isBlock = body.type === "BlockStatement";
      insert(isBlock ? body.start + 1 : body.start, `${isBlock ? "" : "{"}${guard}.check();`);
      visitAll(node, inFinally);
      insert(values.end, ")");
      if (!isBlock) insert(body.end, "}");
      return;
    }
    visitAll(node, inFinally);
  };
  const visitAll = (node: Node, inFinally: boolean): void => {
    const isFunction = /Function/.test(node.type);
    for (const [field, value] of Object.entries(node)) {
      const inside = isFunction
        ? false
        : inFinally || (node.type === "TryStatement" && field === "finalizer");
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) visit(child, inside);
      }
    }
  };
  const guardCatch = ({ start, param, body }: Node): void => {
    const bodyStart = (body as Node).start + 1;
    const pattern = param as Node | null;
    if (pattern?.type === "Identifier") {
      insert(bodyStart, `${guard}.caught(${code.slice(pattern.start, pattern.end)});`);
      return;
    }
    const head = code.slice(start, bodyStart);
    if (head.includes("\n")) return; // A pattern over several lines: moving it would move the lines.
    const binding = pattern ? `let ${code.slice(pattern.start, pattern.end)} = __caught;` : "";
    const text = `catch (__caught) {${guard}.caught(__caught);${binding}`;
    edits.push({ start, end: bodyStart, text });
  };
  visit(program, false);
  return edits;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}
