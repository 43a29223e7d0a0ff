/** What a front end looks at while cells run or stand still: frames, scopes, values, the notebook's variables. */
import { copyCell } from "./copies";
import { type DebuggeeClient, RemoteValue } from "./debuggee-client";
import { type Evaluation, scopesOf } from "./evaluation";
import type { Execution, Frame } from "./execution";
import type { Debugger, MainThreadInspector, Runtime } from "./inspector";
import type { Sources } from "./sources";
import type { ListedValue, ListedVariable } from "./values";

export interface InspectionOptions {
  inspector: MainThreadInspector;
  sources: Sources;
  debuggee: DebuggeeClient;
  evaluation: Evaluation;
  execution: Execution;
  /** Connects to the thread of the cells, if that has not been done. */
  connect(): Promise<void>;
}

/** Frames of earlier stops are never taken for those of this one. */
const framesPerStop = 10_000;

type Arguments = Record<string, unknown>;

export class Inspection {
  readonly #options: InspectionOptions;
  /** Scopes that a front end looks into, by reference. */
  readonly #scopes = new Map<number, Frame>();
  #stops = 0;
  /** JupyterLab's tree shows a variable's type instead of its value if it is told one. */
  #tellsTypes = true;
  #inspection: Promise<object> | undefined;
  #copies: string[] = [];

  constructor(options: InspectionOptions) {
    this.#options = options;
  }

  /** Which front end asks. */
  serve(clientId: unknown): void {
    this.#tellsTypes = clientId !== "jupyterlab";
  }

  /** A new stop: frames that were told before are none of its. */
  countStop(): void {
    this.#stops += 1;
  }

  /** The scopes that were shown are gone. */
  forget(): void {
    this.#scopes.clear();
  }

  /** What a stop showed is not to be kept alive by that. */
  async letGo(): Promise<void> {
    this.forget();
    await this.#options.debuggee.call("release");
  }

  /** The sources of cells that copy variables, once. */
  takeCopies(): string[] {
    return this.#copies.splice(0);
  }

  stackTrace({ startFrame = 0, levels = 0 }: Arguments): object {
    const frames = this.#options.execution.stop?.frames ?? [];
    const stackFrames = frames.map(({ name, location }, i) => ({
      id: this.#stops * framesPerStop + i,
      name,
      line: location.line,
      column: location.column,
      source: { name: location.name, path: location.path },
    }));
    const start = Number(startFrame);
    const end = Number(levels) > 0 ? start + Number(levels) : undefined;
    return { stackFrames: stackFrames.slice(start, end), totalFrames: stackFrames.length };
  }

  async scopes(frameId: unknown): Promise<object> {
    const frame = this.#frame(frameId);
    if (!frame) return { scopes: [] };
    const text = (await this.#options.sources.textOf(frame.location.path)) ?? null;
    const chain = frame.call.scopeChain.filter(({ type }) => type !== "global");
    const inner = chain.findIndex(({ type }) => type === "closure" || type === "module" || type === "script");
    const split = inner === -1 ? chain.length : inner;
    const merge = async (part: Debugger.Scope[], receiver: Runtime.RemoteObject) => {
      const objects = part.map(({ object }) => new RemoteValue(object));
      const reference = await this.#options.debuggee.call(
        "mergeScopes",
        text,
        new RemoteValue(receiver),
        ...objects,
      );
      this.#scopes.set(reference, frame);
      return reference;
    };
    const locals = await merge(chain.slice(0, split), frame.call.this);
    const closure = await merge(chain.slice(split), { type: "undefined" });
    const notebook = await this.#options.debuggee.call("notebookReference");
    const scope = (name: string, variablesReference: number) => ({
      name,
      variablesReference,
      expensive: false,
    });
    return { scopes: [scope("Locals", locals), scope("Closure", closure), scope("Globals", notebook)] };
  }

  async variables(reference: number): Promise<object> {
    await this.#options.connect();
    const variables = await this.#options.debuggee.call("inside", reference);
    return { variables: [...variables, ...(await this.#privateOf(reference))].map((one) => this.#told(one)) };
  }

  /** `#fields`, which only the inspector can read. */
  async #privateOf(reference: number): Promise<ListedVariable[]> {
    const { objectId } = await this.#options.debuggee.remote("get", reference);
    if (objectId === undefined) return [];
    const { privateProperties = [] } = await this.#options.inspector.post<{
      privateProperties?: { name: string; value?: Runtime.RemoteObject }[];
    }>("Runtime.getProperties", { objectId, ownProperties: true, nonIndexedPropertiesOnly: true });
    const listed: ListedVariable[] = [];
    for (const { name, value } of privateProperties) {
      if (value)
        listed.push({ name, ...(await this.#options.debuggee.call("list", new RemoteValue(value))) });
    }
    return listed;
  }

  async setVariable({ variablesReference, name, value }: Arguments): Promise<object> {
    const reference = Number(variablesReference);
    const frame = this.#scopes.get(reference);
    const evaluated = await this.#options.evaluation.evaluate(String(value), frame ?? this.#topFrame());
    const newValue = new RemoteValue(evaluated);
    if (frame) {
      const scopeNumber = await this.#options.debuggee.call("indexOfScope", String(name), ...scopesOf(frame));
      const { callFrameId } = frame.call;
      await this.#options.inspector.post("Debugger.setVariableValue", {
        scopeNumber,
        variableName: name,
        newValue: newValue.argument,
        callFrameId,
      });
    } else {
      await this.#options.debuggee.call("set", reference, name, newValue);
    }
    return this.#told(await this.#options.debuggee.call("list", newValue));
  }

  async evaluate({ expression, frameId }: Arguments): Promise<object> {
    await this.#options.connect();
    const result = await this.#options.evaluation.evaluate(String(expression), this.#frame(frameId));
    const { value, ...rest } = this.#told(await this.#options.debuggee.call("list", new RemoteValue(result)));
    return { result: value, ...rest };
  }

  /** The notebook's variables; front ends ask at each message of a running cell, and one answer serves all who wait. */
  inspectVariables(): Promise<object> {
    this.#inspection ??= this.#inspectNotebook().finally(() => {
      this.#inspection = undefined;
    });
    return this.#inspection;
  }

  async #inspectNotebook(): Promise<object> {
    await this.#options.connect();
    if (!this.#options.execution.stop) await this.#options.debuggee.call("release");
    const variables = await this.#options.debuggee.call("notebook");
    return { variables: variables.map((variable) => this.#told(variable)) };
  }

  async richInspectVariables({ variableName, frameId }: Arguments): Promise<object> {
    await this.#options.connect();
    const value = new RemoteValue(
      await this.#options.evaluation.evaluate(String(variableName), this.#frame(frameId)),
    );
    const shown = await this.#options.debuggee.call(this.#options.execution.stop ? "showNow" : "show", value);
    return shown ?? { data: {}, metadata: {} };
  }

  async copyToGlobals({ srcVariableName, dstVariableName, srcFrameId }: Arguments): Promise<object> {
    const name = String(dstVariableName);
    if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) {
      throw new Error(`debugger: expected a variable's name to copy to, got ${name}`);
    }
    const value = await this.#options.evaluation.evaluate(String(srcVariableName), this.#frame(srcFrameId));
    await this.#options.debuggee.call("copy", name, new RemoteValue(value));
    this.#copies.push(copyCell(name));
    return {};
  }

  #frame(frameId: unknown): Frame | undefined {
    if (typeof frameId !== "number") return undefined;
    return this.#options.execution.stop?.frames[frameId - this.#stops * framesPerStop];
  }

  #topFrame(): Frame | undefined {
    return this.#options.execution.stop?.frames[0];
  }

  #told<T extends ListedValue>({ type, ...rest }: T): Omit<T, "type"> & { type?: string } {
    return this.#tellsTypes ? { type, ...rest } : rest;
  }
}
