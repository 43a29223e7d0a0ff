/**
 * Which cell started what: carried along promises, timers, ticks and listeners, so that late output and late errors find their
 * cell and an interrupted cell takes no further step. Node's AsyncLocalStorage would do the first half, but ends the process
 * ("async hook stack has become corrupted") when a busy callback is stopped from outside; V8's own promise hooks do not.
 */
import { EventEmitter } from "node:events";
import * as inspector from "node:inspector";
import { syncBuiltinESMExports } from "node:module";
import timersModule from "node:timers";
import { promiseHooks } from "node:v8";
import type { Output } from "./contract";
import { KeyboardInterrupt } from "./interrupt";

type Timer = NodeJS.Timeout | NodeJS.Immediate;
type Callback = (...args: unknown[]) => unknown;
type Listener = Callback & { listener?: Callback };
type AddListener = typeof EventEmitter.prototype.on;

export interface ContextOptions {
  /** Is stopped together with that one. */
  within?: CellContext;
  /** Where outputs go instead of the cell; default: as those of `within`. */
  sink?: (output: Output) => void;
}

interface Wait {
  /** In which turn of promises it began. */
  readonly turn: number;
  reject(reason: KeyboardInterrupt): void;
}

/** So many parts of a cell's waits end one after another; of thousands some end together. */
const waitParts = 100;

/** One run of a cell, or a part of it. */
export class CellContext {
  readonly id: number;
  readonly sink: ContextOptions["sink"];
  readonly #within: CellContext | undefined;
  /** Started and not over yet. */
  readonly timers = new Set<Timer>();
  /** Of a whole run, those at guarded awaits that an interrupt can end. */
  readonly waits = new Set<Wait>();
  #state: "live" | "stopped" | "dead" = "live";

  constructor(id: number, { within, sink = within?.sink }: ContextOptions = {}) {
    this.id = id;
    this.sink = sink;
    this.#within = within;
  }

  /** The whole run. */
  get root(): CellContext {
    return this.#within?.root ?? this;
  }

  /** Interrupted: no callback of it is called any more; what awaits may still run its `finally`. */
  get isStopped(): boolean {
    return this.#state !== "live" || this.#within?.isStopped === true;
  }

  /** Of its promises only those that a guard watches go on (see guard.ts), to run their `finally`. */
  get isDead(): boolean {
    return this.#state === "dead" || this.#within?.isDead === true;
  }

  stop(): void {
    if (this.#state === "live") this.#state = "stopped";
    for (const timer of this.timers) {
      native.clearTimeout(timer as NodeJS.Timeout);
      native.clearImmediate(timer as NodeJS.Immediate);
    }
    this.timers.clear();
  }

  /**
   * Stops it and ends its waits with the interrupt, so that each `finally` runs: those of a function before those of its caller, which
   * has a turn of the event loop more. Two turns after the last one it is dead.
   */
  end(then = () => {}): void {
    this.stop();
    // A function waits before its caller does, or since a later turn.
    const waits = [...this.waits].sort((a, b) => b.turn - a.turn);
    const together = Math.ceil(waits.length / waitParts);
    const endFrom = (first: number) => {
      if (this.waits.size === 0) {
        twoTurns(() => {
          this.kill();
          then();
        });
        return;
      }
      for (const wait of waits.slice(first, first + together)) {
        if (this.waits.delete(wait)) wait.reject(new KeyboardInterrupt());
      }
      native.setImmediate(() => endFrom(first + together));
    };
    endFrom(0);
  }

  kill(): void {
    this.#state = "dead";
  }
}

const owner = Symbol("the cell that started it");
const guarded = Symbol("watched by a guard");
const waiting = Symbol("which wait this is");
type Owned = { [owner]?: CellContext; [guarded]?: true; [waiting]?: Wait };

const native = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  setImmediate: globalThis.setImmediate,
  clearTimeout: globalThis.clearTimeout,
  clearInterval: globalThis.clearInterval,
  clearImmediate: globalThis.clearImmediate,
  nextTick: process.nextTick,
};

let current: CellContext | undefined;
let turn = 0;
let isInterrupted: (cell: CellContext) => boolean = () => false;
/** How many of the next promises that V8 derives from another one belong to a guarded `await`. */
let guardedNext = 0;
let session: inspector.Session | undefined;
const failures = new WeakMap<object, CellContext>();
const resolved = Promise.resolve();

/** The cell whose code runs now, be it in the cell itself or in a callback that it started. */
export function currentCell(): CellContext | undefined {
  return current;
}

/** Calls `task` as a part of `cell`. */
export function runIn<T>(cell: CellContext | undefined, task: () => T): T {
  const before = current;
  current = cell;
  try {
    return task();
  } catch (error) {
    if (typeof error === "object" && error !== null && cell && !failures.has(error))
      failures.set(error, cell);
    throw error;
  } finally {
    current = before;
  }
}

/** At an entry of the kernel's own: whatever was stopped before may have left its cell behind. */
export function leaveCells(): void {
  current = undefined;
}

/** The cell in which an uncaught error began, as far as it is known. */
export function cellOfFailure(error: unknown, promise?: Promise<unknown>): CellContext | undefined {
  const known = typeof error === "object" && error !== null ? failures.get(error) : undefined;
  return known ?? (promise as (Promise<unknown> & Owned) | undefined)?.[owner];
}

/** The promises of the `await` that follows at once may go on in a dead cell. */
export function guardNextAwait(value: unknown): void {
  // V8 makes one promise for the wait itself, and before it another one for a value that is no plain promise.
  guardedNext = value instanceof Promise && value.constructor === Promise ? 1 : 2;
}

/** What settles as `value` does, or is rejected by an interrupt of the cell that runs. */
export function interruptible<T>(value: PromiseLike<T>): PromiseLike<T> {
  const cell = current?.root;
  if (!cell) return value;
  let wait!: Wait;
  const promise: Promise<T> & Owned = new Promise((resolve, reject) => {
    // With the promise's own two functions and nothing else V8 finds the way from an error to those who wait for it.
    Promise.resolve(value).then(resolve, reject);
    wait = { turn, reject };
  });
  promise[waiting] = wait;
  cell.waits.add(wait);
  return promise;
}

/** The next two turns of the event loop, in which no other cell's code can be in the way. */
function twoTurns(then: () => void): void {
  native.setImmediate(() => native.setImmediate(then));
}

/** @param interrupted whether a cell that runs was interrupted just now, before any message could say so */
export function installContexts(interrupted: (cell: CellContext) => boolean): void {
  isInterrupted = interrupted;
  promiseHooks.createHook({
    init(promise: Promise<unknown> & Owned, parent?: Promise<unknown>) {
      if (current === undefined) return;
      promise[owner] = current;
      if (guardedNext > 0 && parent !== undefined) {
        promise[guarded] = true;
        guardedNext -= 1;
      }
    },
    before(promise: Promise<unknown> & Owned) {
      current = promise[owner];
      turn += 1;
      guardedNext = 0;
      if (current?.isDead && !promise[guarded]) endHere();
    },
    after() {
      current = undefined;
    },
    settled(promise: Promise<unknown> & Owned) {
      const wait = promise[waiting];
      if (wait) promise[owner]?.root.waits.delete(wait);
    },
  });
  installTimers();
  installListeners();
}

/** Nothing less stops a promise's continuation: V8 ends this turn of promises, in which only the dead cell's own are. */
function endHere(): never {
  current = undefined;
  if (!session) {
    session = new inspector.Session();
    session.connect();
  }
  session.post("Runtime.terminateExecution");
  for (;;);
}

/** Whether the cell may start nothing new. */
function mayNotStart(cell: CellContext): boolean {
  return cell.isStopped || isInterrupted(cell);
}

function installTimers(): void {
  const started = (cell: CellContext, timer: Timer) => {
    cell.timers.add(timer);
    (timer as Timer & Owned)[owner] = cell;
    return timer;
  };
  const timeout = (callback: Callback, ms?: number, ...args: unknown[]) => {
    const cell = current;
    if (!cell || typeof callback !== "function") return native.setTimeout(callback, ms, ...args);
    if (mayNotStart(cell)) return never();
    const timer: NodeJS.Timeout = native.setTimeout(() => {
      cell.timers.delete(timer);
      call(cell, timer, callback, args);
    }, ms);
    return started(cell, timer);
  };
  const interval = (callback: Callback, ms?: number, ...args: unknown[]) => {
    const cell = current;
    if (!cell || typeof callback !== "function") return native.setInterval(callback, ms, ...args);
    if (mayNotStart(cell)) return never();
    const timer: NodeJS.Timeout = native.setInterval(() => call(cell, timer, callback, args), ms);
    return started(cell, timer);
  };
  const immediate = (callback: Callback, ...args: unknown[]) => {
    const cell = current;
    if (!cell || typeof callback !== "function") return native.setImmediate(callback, ...args);
    if (mayNotStart(cell)) {
      const timer = native.setImmediate(() => {});
      native.clearImmediate(timer);
      return timer;
    }
    const timer: NodeJS.Immediate = native.setImmediate(() => {
      cell.timers.delete(timer);
      call(cell, timer, callback, args);
    });
    return started(cell, timer);
  };
  const forgetting = (clear: (timer: never) => void) => (timer: (Timer & Owned) | undefined) => {
    if (typeof timer === "object" && timer !== null) timer[owner]?.timers.delete(timer);
    clear(timer as never);
  };
  const tick = (callback: Callback, ...args: unknown[]) => {
    const cell = current;
    if (!cell || typeof callback !== "function") return native.nextTick(callback, ...args);
    if (!mayNotStart(cell)) native.nextTick(() => runIn(cell, () => callback(...args)));
  };
  const replaced = {
    setTimeout: alike(timeout, native.setTimeout),
    setInterval: alike(interval, native.setInterval),
    setImmediate: alike(immediate, native.setImmediate),
    clearTimeout: alike(forgetting(native.clearTimeout), native.clearTimeout),
    clearInterval: alike(forgetting(native.clearInterval), native.clearInterval),
    clearImmediate: alike(forgetting(native.clearImmediate), native.clearImmediate),
  };
  Object.assign(globalThis, replaced, { queueMicrotask: alike(microtask, globalThis.queueMicrotask) });
  Object.assign(timersModule, replaced);
  process.nextTick = alike(tick, native.nextTick);
  syncBuiltinESMExports();
}

/** In a turn of promises rather than in Node's own: there a busy callback can be stopped without harm to Node's books. */
function call(cell: CellContext, self: Timer, callback: Callback, args: unknown[]): void {
  if (cell.isStopped) return;
  runIn(cell, () => {
    void resolved.then(() => {
      callback.apply(self, args);
    });
  });
}

function microtask(callback: () => unknown): void {
  if (typeof callback !== "function") throw new TypeError("queueMicrotask: expected a function");
  if (current && mayNotStart(current)) return;
  void resolved.then(() => {
    callback();
  });
}

/** What a stopped cell gets for a timer. */
function never(): NodeJS.Timeout {
  const timer = native.setTimeout(() => {}, 0);
  native.clearTimeout(timer);
  return timer;
}

/** Listeners that a cell's code adds are called as a part of the cell. Node's own between them are left as they are. */
function installListeners(): void {
  const { prototype } = EventEmitter;
  const { addListener, prependListener } = prototype;
  const adding = (add: AddListener) =>
    alike(function adds(this: EventEmitter, name: string | symbol, listener: Listener) {
      const cell = current;
      if (!cell || typeof listener !== "function" || listener.listener || !isCalledByUser(adds)) {
        return add.call(this, name, listener);
      }
      return add.call(this, name, bound(cell, listener));
    }, add);
  const addingOnce = (add: AddListener, original: AddListener) =>
    alike(function adds(this: EventEmitter, name: string | symbol, listener: Listener) {
      const cell = current;
      if (!cell || typeof listener !== "function" || !isCalledByUser(adds)) {
        return original.call(this, name, listener);
      }
      const wrapper = bound(cell, listener, () => this.removeListener(name, wrapper));
      return add.call(this, name, wrapper);
    }, original);
  prototype.once = addingOnce(addListener, prototype.once);
  prototype.prependOnceListener = addingOnce(prependListener, prototype.prependOnceListener);
  prototype.on = prototype.addListener = adding(addListener);
  prototype.prependListener = adding(prependListener);
}

function bound(cell: CellContext, listener: Listener, first = () => {}): Listener {
  const wrapper: Listener = function (this: unknown, ...args) {
    first();
    if (!cell.isStopped) return runIn(cell, () => listener.apply(this, args));
  };
  // By this property EventEmitter itself finds wrapped listeners again.
  wrapper.listener = listener;
  return wrapper;
}

/** Whether anything but a part of Node called this function; streams pass on what is added to them. */
function isCalledByUser(called: (...args: never[]) => unknown): boolean {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = 3;
  Error.prepareStackTrace = (_, sites) => sites;
  const place: { stack?: NodeJS.CallSite[] } = {};
  try {
    Error.captureStackTrace(place, called);
    const isOfNode = (site: NodeJS.CallSite) => site.getFileName()?.startsWith("node:") === true;
    const passesOn = (site: NodeJS.CallSite) =>
      isOfNode(site) && /^(?:on|once|addListener|prependListener)$/.test(site.getMethodName() ?? "");
    const caller = place.stack?.find((site) => !passesOn(site));
    return caller === undefined || !isOfNode(caller);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Gives a replacement the properties of what it replaces, `util.promisify`'s among them. */
function alike<F>(replacement: unknown, original: F): F {
  return Object.defineProperties(
    replacement as object,
    Object.getOwnPropertyDescriptors(original as object),
  ) as F;
}
