/** Calls debuggee.ts in the main thread, also while that is stopped or busy with a cell. */
import path from "node:path";
import type { debuggee } from "./debuggee";
import type { MainThreadInspector, Runtime } from "./inspector";

type Debuggee = typeof debuggee;
/** An argument is plain data, or a value of the main thread. */
type Argument = unknown | RemoteValue;

export class RemoteValue {
  readonly argument: Runtime.CallArgument;

  constructor({ objectId, value, unserializableValue, type }: Runtime.RemoteObject) {
    if (objectId !== undefined) this.argument = { objectId };
    else if (unserializableValue !== undefined) this.argument = { unserializableValue };
    else this.argument = type === "undefined" ? {} : { value };
  }
}

export class DebuggeeClient {
  readonly #inspector: MainThreadInspector;
  #objectId: string | undefined;

  constructor(inspector: MainThreadInspector) {
    this.#inspector = inspector;
  }

  /** Loads debuggee.ts there. */
  async load(): Promise<void> {
    const file = JSON.stringify(path.join(__dirname, `debuggee${path.extname(__filename)}`));
    const expression = `process.mainModule.require(${file}).debuggee`;
    const result = await this.#inspector.post<Runtime.EvaluateReturnType>("Runtime.evaluate", { expression });
    this.#objectId = resultOf(result).objectId;
  }

  /** The result as plain data. */
  async call<Name extends keyof Debuggee>(
    name: Name,
    ...args: Argument[]
  ): Promise<Awaited<ReturnType<Debuggee[Name]>>> {
    const awaitPromise = name === "show";
    return (await this.#call(name, args, { returnByValue: true, awaitPromise })).value;
  }

  /** The result as a value that stays there. */
  async remote(name: keyof Debuggee, ...args: Argument[]): Promise<Runtime.RemoteObject> {
    return this.#call(name, args, {});
  }

  async #call(name: string, args: Argument[], options: object): Promise<Runtime.RemoteObject> {
    const result = await this.#inspector.post<Runtime.CallFunctionOnReturnType>("Runtime.callFunctionOn", {
      objectId: this.#objectId,
      functionDeclaration: `function (...args) { return this.${name}(...args); }`,
      arguments: args.map((value) => (value instanceof RemoteValue ? value.argument : { value })),
      silent: true,
      ...options,
    });
    return resultOf(result);
  }
}

/** @throws Error what the evaluated code threw. */
export function resultOf({ result, exceptionDetails }: Runtime.EvaluateReturnType): Runtime.RemoteObject {
  if (!exceptionDetails) return result;
  const { exception, text } = exceptionDetails;
  throw new Error(exception?.description?.split("\n    at ")[0] ?? String(exception?.value ?? text));
}
