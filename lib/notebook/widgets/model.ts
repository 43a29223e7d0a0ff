/** Named values that live here and have a counterpart in the page, kept alike by messages (Jupyter's widget protocol 2.1). */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type BufferPath, putBuffers, takeBuffers } from "./buffers";
import { type Comm, type CommExtras, type CommMessage, commHook, type Json } from "./comms";
import { forget, remember } from "./registry";
import { type ChangeHandler, Subscription, type SubscriptionOptions, throwAll } from "./subscription";
import type { Traits, Values } from "./traits";

/** Version of the protocol, in the metadata of each comm. */
const PROTOCOL_VERSION = "2.1.0";

/** The packages of ipywidgets that JupyterLab's widget manager has, with the versions of their models. */
const modules = {
  base: ["@jupyter-widgets/base", "2.0.0"],
  controls: ["@jupyter-widgets/controls", "2.0.0"],
  output: ["@jupyter-widgets/output", "1.0.0"],
} as const;

/** What one kind of model is: a line or two in a table. */
export interface Kind<T extends Traits> {
  /** ipywidgets' name: "IntSlider". */
  readonly name: string;
  /** Where its model is; default "controls". */
  readonly module?: keyof typeof modules;
  /** Where its view is; default as the model. */
  readonly viewModule?: keyof typeof modules;
  /** Default: the name and "View"; null for what is not seen by itself. */
  readonly view?: string | null;
  readonly traits: T;
  /** Corrects values that do not go together; throws when they cannot. */
  settle?(values: Values<T>): Partial<Values<T>>;
}

/** A model's values as its properties. */
export type Properties<T extends Traits> = Model<T> & Values<T>;

export class Model<T extends Traits = Traits> {
  /** Its comm's, by which the page knows it. */
  readonly id: string = randomUUID().replaceAll("-", "");
  readonly kind: Kind<T>;
  readonly #names = new Map<string, keyof T & string>();
  readonly #subscriptions = new Map<keyof T, Set<Subscription>>();
  #values: Values<T>;
  #comm: Comm | undefined;
  #isDisposed = false;

  constructor(kind: Kind<T>, given: Partial<Values<T>> = {}) {
    this.kind = kind;
    const initial: Json = {};
    for (const [name, trait] of Object.entries(kind.traits)) {
      this.#names.set(trait.wire ?? snakeCase(name), name);
      initial[name] = trait.initial;
      if (name in this) continue;
      const get = () => this.#values[name];
      const set = (value: unknown) => this.set({ [name]: value } as Partial<Values<T>>);
      Object.defineProperty(this, name, { get, set, enumerable: true });
    }
    this.#values = initial as Values<T>;
    this.#values = { ...this.#values, ...this.#check(given) };
    this.#open();
  }

  /** Whether a page can show it. */
  get isLive(): boolean {
    return this.#comm !== undefined;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** A value by its name; the same as the property. */
  get<K extends keyof T>(name: K): Values<T>[K] {
    return this.#values[name];
  }

  /** Changes several values in one message. @throws TypeError for a wrong one; then none is changed */
  set(given: Partial<Values<T>>): void {
    // Nobody waits here for asynchronous handlers: what they throw is an unhandled rejection, which the kernel shows.
    void this.#change(this.#check(given), given, undefined);
  }

  /** Calls the handler after a value has changed, here or in the page; call what is returned to end that. */
  observe<K extends keyof T>(
    name: K,
    handler: ChangeHandler<Values<T>[K]>,
    options?: SubscriptionOptions,
  ): () => void {
    if (!Object.hasOwn(this.kind.traits, name)) {
      const known = Object.keys(this.kind.traits).join(", ");
      throw new TypeError(`${this.kind.name}.observe: expected one of ${known}, got ${String(name)}`);
    }
    const subscription = new Subscription(handler as ChangeHandler<unknown>, options);
    const all = this.#subscriptions.get(name) ?? new Set();
    this.#subscriptions.set(name, all.add(subscription));
    return () => all.delete(subscription);
  }

  /** Removes it from the page and frees what it holds. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#subscriptions.clear();
    forget(this);
    this.#comm?.close();
    this.#comm = undefined;
  }

  /** All of it as the page needs it. */
  packedState() {
    return takeBuffers({ ...this.#identity(), ...this.#wire(Object.keys(this.kind.traits)) });
  }

  /** A message of the page that is no change of values, such as a button's click. */
  protected receiveCustom(_content: Json, _message: CommMessage): unknown {
    return undefined;
  }

  #open(): void {
    const { state, bufferPaths, buffers } = this.packedState();
    const metadata = { version: PROTOCOL_VERSION };
    const data = { state, buffer_paths: bufferPaths };
    this.#comm = commHook()?.open("jupyter.widget", data, { id: this.id, metadata, buffers });
    if (!this.#comm) return;
    remember(this);
    this.#comm.onMessage((message) => this.#receive(message));
    this.#comm.onClose(() => {
      this.#comm = undefined;
      this.dispose();
    });
  }

  #receive(message: CommMessage): unknown {
    const { method, state, buffer_paths: paths = [], content = {} } = message.data;
    if (method === "custom") return this.receiveCustom(content as Json, message);
    if (method === "request_state") return this.#send(this.packedState(), "update", { answering: message });
    if (method !== "update" || typeof state !== "object" || state === null) {
      throw new TypeError(`widgets: expected an update, request_state or custom message, got ${method}`);
    }
    const full = putBuffers(state as Json, paths as BufferPath[], message.buffers);
    if (echoes()) this.#send(takeBuffers(full), "echo_update", { answering: message });
    return this.#receiveUpdate(full, message.signal);
  }

  #receiveUpdate(state: Json, signal: AbortSignal): unknown {
    const given: Json = {};
    for (const [wire, value] of Object.entries(state)) {
      const name = this.#names.get(wire);
      if (name !== undefined && !this.kind.traits[name].fixed) given[name] = value;
    }
    let checked: Partial<Values<T>>;
    try {
      checked = this.#check(given as Partial<Values<T>>);
    } catch (error) {
      // What the page shows must not stay different from what is here.
      this.#send(takeBuffers(this.#wire(Object.keys(given))), "update");
      throw error;
    }
    return this.#change(checked, given as Partial<Values<T>>, signal);
  }

  /** @param known what the page, or the person, believes to be the values: only the page may be told too little */
  #change(checked: Partial<Values<T>>, known: Partial<Values<T>>, signal: AbortSignal | undefined): unknown {
    const former = this.#values;
    const changed = Object.keys(checked).filter((name) => !isDeepStrictEqual(checked[name], former[name]));
    const unknown = Object.keys(checked).filter((name) =>
      signal ? !isDeepStrictEqual(checked[name], known[name]) : changed.includes(name),
    );
    this.#values = { ...former, ...checked };
    if (unknown.length > 0) this.#send(takeBuffers(this.#wire(unknown)), "update");
    return this.#notify(changed, former, signal);
  }

  /** All handlers are called, whichever fails. */
  #notify(changed: readonly string[], former: Values<T>, signal: AbortSignal | undefined): unknown {
    const failures: unknown[] = [];
    const pending: Promise<unknown>[] = [];
    for (const name of changed) {
      for (const subscription of [...(this.#subscriptions.get(name) ?? [])]) {
        try {
          const change = { value: this.#values[name], former: former[name], signal };
          const result = subscription.notify(change);
          if (result instanceof Promise) pending.push(result);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (pending.length === 0) return throwAll(failures);
    return Promise.allSettled(pending).then((results) => {
      throwAll([...failures, ...results.flatMap((one) => (one.status === "rejected" ? [one.reason] : []))]);
    });
  }

  /** The values with their types checked, and with what the kind corrects. */
  #check(given: Partial<Values<T>>): Partial<Values<T>> {
    const { name: kindName, traits, settle } = this.kind;
    const checked: Json = {};
    for (const [name, value] of Object.entries(given)) {
      if (value === undefined) continue;
      if (!Object.hasOwn(traits, name)) {
        const known = Object.keys(traits).join(", ");
        throw new TypeError(`${kindName}: expected options among ${known}, got ${name}`);
      }
      checked[name] = traits[name].read(value, `${kindName}.${name}`);
    }
    const all = { ...this.#values, ...checked } as Values<T>;
    return { ...checked, ...settle?.(all) } as Partial<Values<T>>;
  }

  #wire(names: readonly string[]): Json {
    const state: Json = {};
    for (const name of names) {
      const trait = this.kind.traits[name];
      const value = this.#values[name];
      state[trait.wire ?? snakeCase(name)] = trait.write ? trait.write(value) : value;
    }
    return state;
  }

  #identity(): Json {
    const { name, module = "controls", viewModule = module, view = `${name}View` } = this.kind;
    const [_model_module, _model_module_version] = modules[module];
    const [_view_module, _view_module_version] = modules[viewModule];
    return {
      _model_module,
      _model_module_version,
      _model_name: `${name}Model`,
      _view_module,
      _view_module_version,
      _view_name: view,
    };
  }

  #send(
    { state, bufferPaths, buffers }: ReturnType<typeof takeBuffers>,
    method: "update" | "echo_update",
    extras: CommExtras = {},
  ): void {
    this.#comm?.send({ method, state, buffer_paths: bufferPaths }, { ...extras, buffers });
  }
}

/** Whether other pages hear what one page changed, as in ipywidgets. */
function echoes(): boolean {
  return !["0", "off", "no", "false"].includes((process.env.JUPYTER_WIDGETS_ECHO ?? "on").toLowerCase());
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
