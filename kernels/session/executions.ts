/** execute_request: a cell from the person's text to its reply. */

import { stripVTControlCharacters } from "node:util";
import type { CellForm, CompilerClient } from "../compiler";
import type { DebugAdapter } from "../debugger";
import type { ErrorOutput, RunResult, Shown, ShownJson, Timing } from "../executor";
import type { Json, Message } from "../protocol";
import { type Magic, readCell, readHelp } from "./cell-text";
import type { CodeHelp } from "./code-help";
import type { Answer, Handlers, Request } from "./handlers";
import type { History } from "./history";
import { type Outputs, readShown, withFields } from "./outputs";
import { reportProblems } from "./problem-report";
import type { Parent, Publisher } from "./publisher";
import { RequestError } from "./request";
import { interruptedOutcome, type Runner } from "./runner";

export interface ExecutionsOptions {
  publisher: Publisher;
  outputs: Outputs;
  codeHelp: CodeHelp;
  history: History;
  compiler: CompilerClient;
  runner: Runner;
  debugger: DebugAdapter;
  /** A cell failed: what was asked for together with it will not run. */
  abortFollowers(): Promise<void>;
}

/** One run of TypeScript. */
interface Work {
  code: string;
  /** What the person wrote, where the code differs: errors show it. */
  written?: string;
  /** How errors name it. */
  label: string;
  parent: Parent;
  allowStdin?: boolean;
  /** The cell's number if its result is kept under it. */
  line?: number;
  timing?: Timing;
}

type Outcome = RunResult<ShownJson>;

const nothing: Outcome = { status: "ok", result: undefined, liveNames: [] };

/** What a front end asked for in one execute_request. */
interface Wish {
  source: string;
  silent: boolean;
  /** Counts it and keeps it in the history. */
  store: boolean;
  allowStdin: boolean;
  stopOnError: boolean;
  userExpressions: Readonly<Record<string, string>>;
}

export class Executions {
  readonly #options: ExecutionsOptions;
  readonly handlers: Handlers = { execute_request: (request) => this.#execute(request) };
  #count = 0;
  #isInterrupted = false;
  /** Ends the wait for the compiler. */
  #onInterrupt: (() => void) | undefined;
  #current: Message | undefined;

  constructor(options: ExecutionsOptions) {
    this.#options = options;
  }

  /** The number of the last cell. */
  get count(): number {
    return this.#count;
  }

  /** The request whose cell runs now. */
  get current(): Message | undefined {
    return this.#current;
  }

  /** Ends the running cell, also one that is still being compiled. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#onInterrupt?.();
    this.#options.runner.interrupt();
  }

  async #execute(request: Request): Promise<Answer> {
    if (request.channel !== "shell") {
      throw new RequestError(
        `session: expected execute_request on the shell channel, got it on ${request.channel}`,
      );
    }
    const { header } = request.message;
    const wish = readWish(request);
    const { publisher, history, runner } = this.#options;
    const metadata = {
      started: new Date().toISOString(),
      engine: publisher.sessionId,
      dependencies_met: true,
    };
    if (wish.store) {
      this.#count += 1;
      history.add(this.#count, wish.source);
      runner.tellInput(this.#count, wish.source);
    }
    const input = { code: wish.source, execution_count: this.#count };
    if (!wish.silent) publisher.publish("execute_input", input, header);

    const help = readHelp(wish.source);
    const content = help
      ? await this.#page(help.name, help.detail)
      : await this.#runCell(request.message, wish);
    return {
      content: { execution_count: this.#count, payload: [], ...content },
      metadata: { ...metadata, status: content.status },
    };
  }

  /** The reply's content. */
  async #runCell(request: Message, wish: Wish): Promise<Json> {
    const { publisher, debugger: debug, abortFollowers } = this.#options;
    const { header } = request;
    this.#current = request;
    this.#isInterrupted = false;
    const outcome = await this.#runText(wish, header);
    for (const copy of debug.cellEnded()) await this.#run({ code: copy, label: "debugger", parent: header });
    this.#current = undefined;
    publisher.finishPrints(header);

    if (outcome.status === "error") {
      const error: Json = { ...outcome.error };
      if (!wish.silent) publisher.publish("error", error, header);
      if (wish.stopOnError) await abortFollowers();
      return { status: "error", ...error };
    }
    if (outcome.result !== undefined && !wish.silent) this.#showResult(outcome.result, header, wish.store);
    const expressions = await this.#evaluateAll(wish.userExpressions, header);
    publisher.finishPrints(header);
    return { status: "ok", user_expressions: expressions };
  }

  #showResult(result: ShownJson, parent: Parent, store: boolean): void {
    const { publisher, history } = this.#options;
    publisher.publish("execute_result", withFields(result, { execution_count: this.#count }), parent);
    // A large result is not worth reading again.
    if (!store || result.byteLength > 20_000) return;
    const text = readShown(result).data["text/plain"];
    if (typeof text === "string") history.addOutput(this.#count, stripVTControlCharacters(text));
  }

  /** A first line that is no TypeScript, then the rest. */
  async #runText({ source, allowStdin, store }: Wish, parent: Parent): Promise<Outcome> {
    const { magic, code } = readCell(source);
    const work = { written: source, label: `In[${this.#count}]`, parent, allowStdin };
    const line = store ? this.#count : undefined;
    const first = magic ? await this.#runMagic(magic, work, line) : nothing;
    return first.status === "error" || code.trim() === "" ? first : this.#run({ ...work, code, line });
  }

  async #runMagic(magic: Magic, work: Omit<Work, "code">, line: number | undefined): Promise<Outcome> {
    switch (magic.kind) {
      case "shell": {
        // `globalThis`: a cell may have an `sh` of its own. Packages that it installs are there for the rest of the cell.
        const code = `await globalThis.sh(${JSON.stringify(magic.command)}, { show: true })`;
        const outcome = await this.#run({ ...work, code });
        await this.#options.compiler.packagesChanged();
        return outcome;
      }
      case "measure":
        return this.#run({ ...work, code: magic.code, timing: magic.timing, line });
      case "show": {
        const content = { data: { [magic.mime]: magic.text }, metadata: {}, transient: {} };
        this.#options.publisher.publish("display_data", content, work.parent);
        return nothing;
      }
      case "unknown": {
        const evalue = `${work.label}: expected ${magic.expected}, got ${magic.got}`;
        return {
          status: "error",
          error: { ename: "SyntaxError", evalue, traceback: [`SyntaxError: ${evalue}`] },
          liveNames: [],
        };
      }
    }
  }

  async #run({
    code,
    written = code,
    label,
    parent,
    allowStdin = false,
    line,
    timing,
  }: Work): Promise<Outcome> {
    const { compiler, runner, outputs, debugger: debug } = this.#options;
    if (code.trim() === "") return nothing;
    const form: CellForm = timing?.kind === "timeit" ? "repeated" : "cell";
    const interrupted = new Promise<undefined>((resolve) => {
      this.#onInterrupt = () => resolve(undefined);
    });
    const compiled = await Promise.race([compiler.compile(code, form), interrupted]);
    this.#onInterrupt = undefined;
    if (!compiled) return interruptedOutcome();
    if (!compiled.ok) {
      return { status: "error", error: reportProblems(compiled.problems, written, label), liveNames: [] };
    }
    const cell = written === code ? compiled.cell : { ...compiled.cell, source: written };
    outputs.remember(cell.id, parent);
    await debug.cellStarts(cell, written, label);
    const outcome = this.#isInterrupted
      ? interruptedOutcome()
      : await runner.run({ cell, label, allowStdin, line, timing });
    const hasResult = outcome.status === "ok" && outcome.result !== undefined;
    compiler.commit(cell.id, outcome.liveNames, hasResult ? line : undefined);
    return outcome;
  }

  /** Each expression of user_expressions on its own; an error concerns only that one. */
  async #evaluateAll(expressions: Readonly<Record<string, string>>, parent: Parent): Promise<Json> {
    const results: Json = {};
    for (const [name, source] of Object.entries(expressions)) {
      const outcome = await this.#run({ code: source, label: name, parent });
      results[name] =
        outcome.status === "ok" ? { status: "ok", ...shownOrNothing(outcome.result) } : failed(outcome.error);
    }
    return results;
  }

  /** `name?` shows the help of a name in the front end's pager, `name??` its source as well. */
  async #page(name: string, detail: number): Promise<Json> {
    const { data } = (await this.#options.codeHelp.inspect(name, name.length, detail)) as { data: Json };
    const text = { "text/plain": `${name}: nothing known by this name`, ...data };
    return { status: "ok", payload: [{ source: "page", data: text, start: 0 }], user_expressions: {} };
  }
}

function readWish({ fields }: Request): Wish {
  const silent = fields.boolean("silent", false);
  return {
    source: fields.text("code"),
    silent,
    store: fields.boolean("store_history", true) && !silent,
    allowStdin: fields.boolean("allow_stdin", true),
    stopOnError: fields.boolean("stop_on_error", true),
    userExpressions: fields.texts("user_expressions"),
  };
}

function shownOrNothing(shown: ShownJson | undefined): Shown {
  return shown === undefined ? { data: {}, metadata: {} } : readShown(shown);
}

function failed(error: ErrorOutput): Json {
  return { status: "error", ...error };
}
