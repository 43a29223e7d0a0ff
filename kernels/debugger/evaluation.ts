/** Expressions as a person writes them in a stopped frame, or beside the notebook, with the names that are in sight there. */
import { type DebuggeeClient, RemoteValue, resultOf } from "./debuggee-client";
import type { Frame } from "./execution";
import type { MainThreadInspector, Runtime } from "./inspector";

export class Evaluation {
  readonly #inspector: MainThreadInspector;
  readonly #debuggee: DebuggeeClient;

  constructor(inspector: MainThreadInspector, debuggee: DebuggeeClient) {
    this.#inspector = inspector;
    this.#debuggee = debuggee;
  }

  /** @throws Error what the expression threw. */
  async evaluate(expression: string, frame: Frame | undefined): Promise<Runtime.RemoteObject> {
    const words = [...new Set(expression.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu))];
    const bindings = Object.entries(await this.#debuggee.call("bind", words, ...scopesOf(frame)));
    const result = await this.#run(bound(expression, bindings), frame);
    const isStatement = result.exceptionDetails?.exception?.className === "SyntaxError";
    return resultOf(isStatement ? await this.#run(expression, frame) : result);
  }

  #run(expression: string, frame: Frame | undefined): Promise<Runtime.EvaluateReturnType> {
    if (!frame) return this.#inspector.post("Runtime.evaluate", { expression, silent: true });
    const { callFrameId } = frame.call;
    return this.#inspector.post("Debugger.evaluateOnCallFrame", { callFrameId, expression, silent: true });
  }
}

/** What a frame's own names are looked up in, as values of the main thread. */
export function scopesOf(frame: Frame | undefined): RemoteValue[] {
  const chain = frame?.call.scopeChain ?? [];
  return chain.filter(({ type }) => type !== "global").map(({ object }) => new RemoteValue(object));
}

/** Names that stand for other JavaScript become parameters; one that was assigned to is written back. */
function bound(expression: string, bindings: readonly (readonly [string, string])[]): string {
  if (bindings.length === 0) return `(${expression}\n)`;
  const names = bindings.map(([name]) => name).join(", ");
  const origins = bindings.map(([, origin]) => origin).join(", ");
  const writeBack = bindings
    .map(([name, origin]) => `if (!Object.is(${name}, ${origin})) ${origin} = ${name};`)
    .join(" ");
  return `((${names}) => { const $result = (${expression}\n); ${writeBack} return $result; })(${origins})`;
}
