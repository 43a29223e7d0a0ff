/** One handler of a widget's changes: never runs twice at a time, and what happens meanwhile is gathered to the last value. */

/** `signal`: of a change that came from the page; aborted when the person presses "interrupt". */
export type ChangeHandler<V> = (value: V, former: V, signal?: AbortSignal) => unknown;

export interface SubscriptionOptions {
  /** Whether changes wait for a handler that is busy; default true. One that gathers them itself says false. */
  gather?: boolean;
}

interface Change {
  value: unknown;
  former: unknown;
  signal?: AbortSignal;
}

export class Subscription {
  readonly #handler: ChangeHandler<unknown>;
  readonly #gathers: boolean;
  /** Of the call whose promise has not settled; its signal tells that it was interrupted and may never settle. */
  #running: { signal?: AbortSignal } | undefined;
  #next: Change | undefined;

  constructor(handler: ChangeHandler<unknown>, { gather = true }: SubscriptionOptions = {}) {
    this.#handler = handler;
    this.#gathers = gather;
  }

  /**
   * Calls the handler, or lets the call wait until the former one is over: then it gets the newest value, once.
   * @returns for an asynchronous handler a promise that settles with the last call that this one led to
   */
  notify(change: Change): unknown {
    const { value, former, signal } = change;
    if (!this.#gathers) return this.#handler(value, former, signal);
    if (this.#running && !this.#running.signal?.aborted) {
      this.#next = { value, former: this.#next ? this.#next.former : former, signal };
      return undefined;
    }
    this.#next = undefined;
    const result = this.#handler(value, former, signal);
    return result instanceof Promise ? this.#finish(result, { signal }) : undefined;
  }

  async #finish(first: Promise<unknown>, running: { signal?: AbortSignal }): Promise<void> {
    this.#running = running;
    const failures: unknown[] = [];
    try {
      let call = first;
      for (;;) {
        try {
          await call;
        } catch (error) {
          failures.push(error);
        }
        const next = this.#next;
        if (!next || this.#running !== running) break;
        this.#next = undefined;
        call = (async () => this.#handler(next.value, next.former, next.signal))();
      }
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
    throwAll(failures);
  }
}

/** One error as it is, several together. */
export function throwAll(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} handlers failed`);
}
