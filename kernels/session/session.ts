/** Answers Jupyter's requests: one execution after another, everything else between or during them. */
import { randomUUID } from "node:crypto";
import type { CompilerClient } from "../compiler";
import type { DebugAdapter } from "../debugger";
import type { ErrorOutput, FromExecutor, Output, RunResult, Shown, ShownJson } from "../executor";
import {
  type Channel,
  type Header,
  type Json,
  JsonText,
  log,
  type Message,
  makeHeader,
  type OutgoingMessage,
  type RequestChannel,
} from "../protocol";
import type { History } from "./history";
import { kernelInfo, type Versions } from "./kernel-info";
import { toCodePoints, toUtf16 } from "./offsets";
import { reportProblems } from "./problem-report";
import { RequestError, RequestFields } from "./request";
import { interruptedOutcome, type Runner } from "./runner";
import { StreamBuffer } from "./streams";
import type { UsageMeter } from "./usage";

export interface SessionOptions {
  send(channel: Channel, message: OutgoingMessage): void;
  history: History;
  usage: UsageMeter;
  compiler: CompilerClient;
  runner: Runner;
  /** Hands the person's answer to the cell that asked. */
  answerInput(id: number, value: string): void;
  debugger: DebugAdapter;
  /** Ends the process, after the replies are out. */
  shutdown(): void;
  /** For kernel_info. */
  versions: Versions;
}

type Parent = Header | Record<string, never>;

/** Of what is printed before the first cell. */
const noParent: Parent = {};

export class Session {
  readonly #options: SessionOptions;
  readonly #id = randomUUID();
  readonly #streams: StreamBuffer;
  /** Requests on the shell channel that wait for the one before them. */
  readonly #queue: Message[] = [];
  /** Which request a cell's output answers; kept, because a cell can print after its end. */
  readonly #parents = new Map<number, Parent>();
  #executionCount = 0;
  #isBusy = false;
  #interrupted = false;
  /** Requests that will not run because the one before them failed. */
  readonly #aborted: Message[] = [];
  #current: Message | undefined;
  #inputId: number | undefined;
  /** The last request of a front end's debugger: what the debugger tells later is an answer to it. */
  #debugParent: Parent = {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#streams = new StreamBuffer({
      send: ({ name, text, parent }) => this.#publishNow("stream", { name, text }, parent),
    });
  }

  /** Tells front ends that the kernel is there. */
  start(): void {
    this.#publish("status", { execution_state: "starting" }, {});
  }

  /** Answers a new subscription to IOPub, so that a front end knows when it misses nothing more. */
  welcome(topic: Buffer): void {
    const content = { subscription: topic.toString() };
    this.#options.send("iopub", this.#message("iopub_welcome", content, { identities: [topic], header: {} }));
  }

  /** A valid message from a front end. */
  receive(channel: RequestChannel, message: Message): void {
    if (channel === "control") {
      void this.#handle(channel, message);
    } else if (channel === "stdin") {
      this.#receiveInput(message);
    } else {
      this.#queue.push(message);
      void this.#work();
    }
  }

  /** Outputs and questions of running cells. */
  receiveOutput(message: FromExecutor<ShownJson>): void {
    switch (message.type) {
      case "stream":
      case "display":
      case "clear":
        this.#showOutput(message);
        break;
      case "input":
        this.#askForInput(message.id, message.prompt, message.password);
        break;
      case "signal":
        this.interrupt();
        break;
      default:
        this.#options.runner.receive(message);
    }
  }

  /** Something happened that a front end's debugger shows. */
  receiveDebugEvent(event: Json): void {
    this.#publish("debug_event", event, this.#debugParent);
  }

  /** Ends the running cell, also one that is still being compiled. */
  interrupt(): void {
    this.#interrupted = true;
    this.#inputId = undefined;
    this.#options.debugger.interrupt();
    this.#options.runner.interrupt();
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      await this.#handle("shell", next);
      for (const aborted of this.#aborted.splice(0)) this.#abort(aborted);
    }
    this.#isBusy = false;
  }

  async #handle(channel: RequestChannel, request: Message): Promise<void> {
    const parent = request.header;
    this.#publish("status", { execution_state: "busy" }, parent);
    try {
      await this.#answer(channel, request);
    } catch (error) {
      this.#refuse(channel, request, error instanceof Error ? error : new Error(String(error)));
    }
    this.#publish("status", { execution_state: "idle" }, parent);
  }

  /** The request was at fault or the kernel is; either way the front end waits for its reply. */
  #refuse(channel: RequestChannel, request: Message, error: Error): void {
    const { name, message, stack } = error;
    if (!request.header.msg_type.endsWith("_request")) {
      log(message);
      return;
    }
    const traceback = [error instanceof RequestError ? `${name}: ${message}` : (stack ?? message)];
    const count = request.header.msg_type === "execute_request" && { execution_count: this.#executionCount };
    const content = { status: "error", ename: name, evalue: message, traceback, ...count };
    this.#reply(channel, request, replyType(request), content);
  }

  async #answer(channel: RequestChannel, request: Message): Promise<void> {
    const fields = new RequestFields(request);
    const ok = (fields: Json) =>
      this.#reply(channel, request, replyType(request), { status: "ok", ...fields });
    switch (request.header.msg_type) {
      case "execute_request":
        return this.#execute(channel, request, fields);
      case "kernel_info_request":
        return ok(kernelInfo(this.#options.versions));
      case "complete_request":
        return ok(await this.#complete(fields.text("code"), fields.optionalInteger("cursor_pos")));
      case "inspect_request":
        return ok(await this.#inspect(fields.text("code"), fields.optionalInteger("cursor_pos")));
      case "is_complete_request": {
        const answer = await this.#options.compiler.isComplete(fields.text("code"));
        return this.#reply(channel, request, "is_complete_reply", { ...answer });
      }
      case "history_request":
        return ok({ history: this.#options.history.answer(fields) });
      case "comm_info_request":
        return ok({ comms: {} });
      case "comm_open":
        // No comm target exists here: the protocol's answer is to close at once.
        return this.#publish("comm_close", { comm_id: fields.text("comm_id"), data: {} }, request.header);
      case "comm_msg":
      case "comm_close":
        return;
      case "interrupt_request":
        this.interrupt();
        return ok({});
      case "usage_request":
        return this.#reply(channel, request, "usage_reply", this.#options.usage.read());
      case "shutdown_request": {
        const restart = fields.boolean("restart", false);
        ok({ restart });
        // Other front ends hear it as well.
        this.#publish("shutdown_reply", { status: "ok", restart }, request.header);
        return this.#options.shutdown();
      }
      case "debug_request":
        this.#debugParent = request.header;
        return this.#reply(
          channel,
          request,
          "debug_reply",
          await this.#options.debugger.answer(request.content),
        );
      default:
        throw new RequestError(
          `session: expected a request of Jupyter's protocol, got ${request.header.msg_type}`,
        );
    }
  }

  async #execute(channel: RequestChannel, request: Message, fields: RequestFields): Promise<void> {
    if (channel !== "shell") {
      throw new RequestError(`session: expected execute_request on the shell channel, got it on ${channel}`);
    }
    const { header } = request;
    const source = fields.text("code");
    const silent = fields.boolean("silent", false);
    const store = fields.boolean("store_history", true) && !silent;
    const [allowStdin, stopOnError] = [
      fields.boolean("allow_stdin", true),
      fields.boolean("stop_on_error", true),
    ];
    const userExpressions = fields.texts("user_expressions");
    const metadata = { started: new Date().toISOString(), engine: this.#id, dependencies_met: true };
    const help = /^\s*([\p{ID_Continue}$.]+)\?{1,2}\s*$/u.exec(source);
    if (store) {
      this.#executionCount += 1;
      this.#options.history.add(this.#executionCount, source);
    }
    const executionCount = this.#executionCount;
    if (!silent) this.#publish("execute_input", { code: source, execution_count: executionCount }, header);

    if (help) return this.#page(channel, request, help[1], executionCount);

    this.#current = request;
    this.#interrupted = false;
    const outcome = await this.#run(source, `In[${executionCount}]`, header, allowStdin);
    for (const copy of this.#options.debugger.cellEnded()) await this.#run(copy, "debugger", header, false);
    this.#current = undefined;
    this.#streams.finish(header);

    if (outcome.status === "ok") {
      if (outcome.result !== undefined && !silent) {
        this.#publish(
          "execute_result",
          withFields(outcome.result, { execution_count: executionCount }),
          header,
        );
        if (store) this.#rememberResult(executionCount, outcome.result);
      }
      const expressions = await this.#evaluateAll(userExpressions, header);
      this.#streams.finish(header);
      const reply = {
        status: "ok",
        execution_count: executionCount,
        payload: [],
        user_expressions: expressions,
      };
      return this.#reply(channel, request, "execute_reply", reply, { ...metadata, status: "ok" });
    }
    const error: Json = { ...outcome.error };
    if (!silent) this.#publish("error", error, header);
    if (stopOnError) await this.#takeFollowers();
    const reply = { status: "error", execution_count: executionCount, payload: [], ...error };
    this.#reply(channel, request, "execute_reply", reply, { ...metadata, status: "error" });
  }

  /** For history_request; a large result is not worth reading again. */
  #rememberResult(line: number, result: ShownJson): void {
    if (result.length > 20_000) return;
    const text = (JSON.parse(result) as Shown).data["text/plain"];
    if (typeof text === "string") this.#options.history.addOutput(line, text);
  }

  async #run(
    source: string,
    label: string,
    parent: Parent,
    allowStdin: boolean,
  ): Promise<RunResult<ShownJson>> {
    const { compiler, runner } = this.#options;
    if (source.trim() === "") return { status: "ok", result: undefined, liveNames: [] };
    const compiled = await compiler.compile(source);
    if (!compiled.ok) {
      return { status: "error", error: reportProblems(compiled.problems, source, label), liveNames: [] };
    }
    const { cell } = compiled;
    this.#remember(cell.id, parent);
    await this.#options.debugger.cellStarts(cell, source, label);
    const outcome = this.#interrupted ? interruptedOutcome() : await runner.run(cell, label, allowStdin);
    await compiler.commit(cell.id, outcome.liveNames);
    return outcome;
  }

  /** Each expression of user_expressions on its own; an error concerns only that one. */
  async #evaluateAll(expressions: Readonly<Record<string, string>>, parent: Parent): Promise<Json> {
    const results: Json = {};
    for (const [name, source] of Object.entries(expressions)) {
      const outcome = await this.#run(source, name, parent, false);
      results[name] =
        outcome.status === "ok" ? { status: "ok", ...shownOrNothing(outcome.result) } : failed(outcome.error);
    }
    return results;
  }

  /** `name?` shows the help of a name in the front end's pager. */
  async #page(
    channel: RequestChannel,
    request: Message,
    name: string,
    executionCount: number,
  ): Promise<void> {
    const { data } = (await this.#inspect(name, undefined)) as { data: Json };
    const text = { "text/plain": `${name}: nothing known by this name`, ...data };
    const payload = [{ source: "page", data: text, start: 0 }];
    const content = { status: "ok", execution_count: executionCount, payload, user_expressions: {} };
    this.#reply(channel, request, "execute_reply", content);
  }

  /** After an error: what was asked for together with the failed cell is not run. */
  async #takeFollowers(): Promise<void> {
    // Before the reply goes out: what comes after it is a new wish. The same burst may still be on its way through the socket.
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (const request of this.#queue.splice(0)) {
      const isExecute = request.header.msg_type === "execute_request";
      (isExecute ? this.#aborted : this.#queue).push(request);
    }
  }

  #abort(request: Message): void {
    this.#publish("status", { execution_state: "busy" }, request.header);
    const content = { status: "aborted", execution_count: this.#executionCount };
    this.#reply("shell", request, "execute_reply", content);
    this.#publish("status", { execution_state: "idle" }, request.header);
  }

  async #complete(code: string, cursor: number | undefined): Promise<Json> {
    const offset = cursor === undefined ? code.length : toUtf16(code, cursor);
    const { start, end, matches } = await this.#options.compiler.complete(code, offset);
    const [from, to] = [toCodePoints(code, start), toCodePoints(code, end)];
    const types = matches.map(({ text, type }) => ({ text, type, start: from, end: to }));
    return {
      matches: matches.map(({ text }) => text),
      cursor_start: from,
      cursor_end: to,
      metadata: { _jupyter_types_experimental: types },
    };
  }

  async #inspect(code: string, cursor: number | undefined): Promise<Json> {
    const offset = cursor === undefined ? code.length : toUtf16(code, cursor);
    const found = await this.#options.compiler.inspect(code, offset);
    if (!found) return { found: false, data: {}, metadata: {} };
    const { signature, documentation } = found;
    const data = {
      "text/plain": [signature, documentation].filter(Boolean).join("\n\n"),
      "text/markdown": [`\`\`\`typescript\n${signature}\n\`\`\``, documentation].filter(Boolean).join("\n\n"),
    };
    return { found: true, data, metadata: {} };
  }

  #showOutput(output: Output<ShownJson>): void {
    const parent = this.#parents.get(output.cellId) ?? noParent;
    if (output.type === "stream") {
      this.#streams.push({ name: output.name, text: output.text, parent });
    } else if (output.type === "clear") {
      this.#streams.restart(parent);
      this.#publish("clear_output", { wait: output.wait }, parent);
    } else {
      const transient = output.displayId === undefined ? {} : { display_id: output.displayId };
      this.#publish(
        output.update ? "update_display_data" : "display_data",
        withFields(output.shown, { transient }),
        parent,
      );
    }
  }

  #askForInput(id: number, prompt: string, password: boolean): void {
    if (!this.#current) return;
    this.#streams.flush();
    this.#inputId = id;
    this.#options.send("stdin", this.#message("input_request", { prompt, password }, this.#current));
  }

  #receiveInput(message: Message): void {
    if (message.header.msg_type !== "input_reply" || this.#inputId === undefined) return;
    const id = this.#inputId;
    const value = new RequestFields(message).optionalText("value") ?? "";
    this.#inputId = undefined;
    this.#options.answerInput(id, value);
  }

  /** The last thousand cells: a timer of an older one prints without a parent. */
  #remember(cellId: number, parent: Parent): void {
    this.#parents.set(cellId, parent);
    if (this.#parents.size > 1_000) this.#parents.delete(this.#parents.keys().next().value as number);
  }

  #reply(
    channel: RequestChannel,
    request: Message,
    msgType: string,
    content: Json,
    metadata: Json = {},
  ): void {
    this.#options.send(channel, { ...this.#message(msgType, content, request), metadata });
  }

  #publish(msgType: string, content: Json | JsonText, parent: Parent): void {
    this.#streams.flush();
    this.#publishNow(msgType, content, parent);
  }

  #publishNow(msgType: string, content: Json | JsonText, parent: Parent): void {
    const message = this.#message(msgType, content, { identities: [Buffer.from(msgType)], header: parent });
    this.#options.send("iopub", message);
  }

  #message(
    msgType: string,
    content: Json | JsonText,
    to: { identities: Buffer[]; header: Parent },
  ): OutgoingMessage {
    const header = makeHeader(msgType, this.#id);
    return { identities: to.identities, header, parentHeader: to.header, metadata: {}, content, buffers: [] };
  }
}

function replyType({ header }: Message): string {
  return header.msg_type.replace(/_request$/, "_reply");
}

/** Adds fields to shown JSON without reading it: it may be large. */
function withFields(shown: ShownJson, fields: Json): JsonText {
  return new JsonText(`${JSON.stringify(fields).slice(0, -1)},${shown.slice(1)}`);
}

function shownOrNothing(shown: ShownJson | undefined): Shown {
  return shown === undefined ? { data: {}, metadata: {} } : (JSON.parse(shown) as Shown);
}

function failed(error: ErrorOutput): Json {
  return { status: "error", ...error };
}
