/** Answers Jupyter's requests: those of the shell channel one after another, the control channel's between or during them. */
import type { CompilerClient } from "../compiler";
import type { DebugAdapter } from "../debugger";
import type { CommDelivery, FromExecutor, ShownJson } from "../executor";
import {
  type Channel,
  type Json,
  log,
  type Message,
  type OutgoingMessage,
  type RequestChannel,
} from "../protocol";
import { CodeHelp } from "./code-help";
import { Comms, isCommMessage } from "./comms";
import { Executions } from "./executions";
import type { Handlers, Request } from "./handlers";
import type { History } from "./history";
import { kernelInfo, type Versions } from "./kernel-info";
import { Outputs } from "./outputs";
import { type Parent, Publisher } from "./publisher";
import { Questions } from "./questions";
import { RequestError, RequestFields } from "./request";
import type { Runner } from "./runner";
import type { UsageMeter } from "./usage";

export interface SessionOptions {
  send(channel: Channel, message: OutgoingMessage): void;
  history: History;
  usage: UsageMeter;
  compiler: CompilerClient;
  runner: Runner;
  /** Hands the person's answer to the cell that asked. */
  answerInput(id: number, value: string): void;
  /** Hands a page's message on a comm to the cells. */
  deliver(delivery: CommDelivery): void;
  debugger: DebugAdapter;
  /** Ends the process, after the replies are out. */
  shutdown(): void;
  /** For kernel_info. */
  versions: Versions;
}

/** The same burst of requests may still be on its way through the socket for so long, in ms. */
const burstMs = 10;

export class Session {
  readonly #options: SessionOptions;
  #wasAsked = false;
  readonly #publisher: Publisher;
  readonly #outputs: Outputs;
  readonly #executions: Executions;
  readonly #questions: Questions;
  readonly #comms: Comms;
  readonly #handlers: Handlers;
  /** Requests on the shell channel that wait for the one before them. */
  readonly #queue: Message[] = [];
  /** Requests that will not run because the one before them failed. */
  readonly #aborted: Message[] = [];
  #isBusy = false;
  /** The last request of a front end's debugger: what the debugger tells later is an answer to it. */
  #debugParent: Parent = {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#publisher = new Publisher(options.send);
    this.#outputs = new Outputs(this.#publisher);
    const codeHelp = new CodeHelp(options.compiler);
    this.#executions = new Executions({
      ...options,
      publisher: this.#publisher,
      outputs: this.#outputs,
      codeHelp,
      abortFollowers: () => this.#abortFollowers(),
    });
    this.#questions = new Questions({ publisher: this.#publisher, answer: options.answerInput });
    this.#comms = new Comms({
      publisher: this.#publisher,
      post: options.deliver,
      parentOf: (cellId) => this.#outputs.parentOf(cellId),
    });
    this.#handlers = {
      ...this.#ownHandlers(),
      ...codeHelp.handlers,
      ...this.#executions.handlers,
      ...this.#comms.handlers,
    };
  }

  /**
   * Tells front ends that the kernel is there: those that listened before there was anything to hear are welcomed first, and one that
   * has asked for something already knows.
   */
  start(): void {
    setTimeout(() => {
      if (!this.#wasAsked) this.#publisher.publish("status", { execution_state: "starting" }, {});
    }, 50);
  }

  /** A front end listens to IOPub from now on. */
  welcome(topic: Buffer): void {
    this.#publisher.welcome(topic);
  }

  /** A valid message from a front end. */
  receive(channel: RequestChannel, message: Message): void {
    this.#wasAsked = true;
    if (channel === "control" || (channel === "shell" && isCommMessage(message))) {
      void this.#handle(channel, message);
    } else if (channel === "stdin") {
      this.#questions.receive(message);
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
      case "error":
      case "clear":
        this.#outputs.show(message);
        break;
      case "comm":
      case "handled":
        this.#comms.receive(message);
        break;
      case "input": {
        const { current } = this.#executions;
        if (current) this.#questions.ask(message.id, message.prompt, message.password, current);
        break;
      }
      case "signal":
        this.interrupt();
        break;
      default:
        this.#options.runner.receive(message);
    }
  }

  /** Something happened that a front end's debugger shows. */
  receiveDebugEvent(event: Json): void {
    this.#publisher.publish("debug_event", event, this.#debugParent);
  }

  /** The request whose cell runs now. */
  get running(): Message | undefined {
    return this.#executions.current;
  }

  /** Ends the running cell, also one that is still being compiled. */
  interrupt(): void {
    this.#questions.forget();
    this.#options.debugger.interrupt();
    this.#executions.interrupt();
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

  async #handle(channel: RequestChannel, message: Message): Promise<void> {
    const parent = message.header;
    this.#publisher.publish("status", { execution_state: "busy" }, parent);
    try {
      await this.#answer({ channel, message, fields: new RequestFields(message) });
    } catch (error) {
      this.#refuse(channel, message, error instanceof Error ? error : new Error(String(error)));
    }
    this.#publisher.publish("status", { execution_state: "idle" }, parent);
    // A front end takes the newest status for the kernel's.
    const { current } = this.#executions;
    if (current && isCommMessage(message)) {
      this.#publisher.publish("status", { execution_state: "busy" }, current.header);
    }
  }

  async #answer(request: Request): Promise<void> {
    const { channel, message } = request;
    const type = message.header.msg_type;
    if (!Object.hasOwn(this.#handlers, type)) {
      throw new RequestError(`session: expected a request of Jupyter's protocol, got ${type}`);
    }
    const answer = await this.#handlers[type](request);
    if (!answer) return;
    this.#publisher.reply(channel, message, { status: "ok", ...answer.content }, answer.metadata);
  }

  /** The request was at fault or the kernel is; either way the front end waits for its reply. */
  #refuse(channel: RequestChannel, request: Message, error: Error): void {
    const { name, message, stack } = error;
    if (!request.header.msg_type.endsWith("_request")) {
      log(message);
      return;
    }
    const traceback = [error instanceof RequestError ? `${name}: ${message}` : (stack ?? message)];
    const count = request.header.msg_type === "execute_request" && {
      execution_count: this.#executions.count,
    };
    this.#publisher.reply(channel, request, {
      status: "error",
      ename: name,
      evalue: message,
      traceback,
      ...count,
    });
  }

  /** After an error: what was asked for together with the failed cell is not run. */
  async #abortFollowers(): Promise<void> {
    // Before the reply goes out: what comes after it is a new wish.
    await new Promise((resolve) => setTimeout(resolve, burstMs));
    for (const request of this.#queue.splice(0)) {
      const isExecute = request.header.msg_type === "execute_request";
      (isExecute ? this.#aborted : this.#queue).push(request);
    }
  }

  #abort(request: Message): void {
    this.#publisher.publish("status", { execution_state: "busy" }, request.header);
    this.#publisher.reply("shell", request, { status: "aborted", execution_count: this.#executions.count });
    this.#publisher.publish("status", { execution_state: "idle" }, request.header);
  }

  /** Requests that take a line or two. */
  #ownHandlers(): Handlers {
    const { history, usage, versions, debugger: debug, shutdown } = this.#options;
    return {
      kernel_info_request: () => ({ content: kernelInfo(versions) }),
      history_request: ({ fields }) => ({ content: { history: history.answer(fields) } }),
      usage_request: () => ({ content: usage.read() }),
      interrupt_request: () => {
        this.interrupt();
        return { content: {} };
      },
      debug_request: async ({ message }) => {
        this.#debugParent = message.header;
        return { content: await debug.answer(message.content) };
      },
      shutdown_request: ({ fields, message }) => {
        const restart = fields.boolean("restart", false);
        // Other front ends hear it as well.
        this.#publisher.publish("shutdown_reply", { status: "ok", restart }, message.header);
        shutdown();
        return { content: { restart } };
      },
    };
  }
}
