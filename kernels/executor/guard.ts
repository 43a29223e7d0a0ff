/**
 * What compiled cells and the project's modules call around their awaits and at the start of their catches, so that an interrupt
 * is thrown there, runs every `finally` on its way out, and is caught by no `catch` that does not name it.
 */
import { currentCell, guardNextAwait, interruptible } from "./context";
import { type Interrupter, KeyboardInterrupt } from "./interrupt";
import { isWaitingHidden } from "./settlement";

/** Where compiled modules find the guard, on `globalThis`. */
export const guardSymbol = Symbol.for("Vitrine.guard");

export class Guard {
  readonly #interrupter: Interrupter;

  constructor(interrupter: Interrupter) {
    this.#interrupter = interrupter;
    Object.defineProperty(globalThis, guardSymbol, { value: this, configurable: true });
  }

  /** Around what is awaited: an interrupted cell waits for nothing more, and an interrupt ends the wait. */
  wait<T>(value: T): T | PromiseLike<Awaited<T>> {
    this.check();
    const awaited = isThenable(value) && !isWaitingHidden() ? interruptible(value) : value;
    guardNextAwait(awaited);
    return awaited;
  }

  /** Around what `for await` goes through: each step is such a wait. */
  each<T>(values: AsyncIterable<T> | Iterable<T | PromiseLike<T>>): AsyncIterable<T> | Iterable<unknown> {
    const wait = <V>(value: V) => this.wait(value);
    if (!(Symbol.asyncIterator in values)) {
      return (function* () {
        for (const value of values) yield wait(value);
      })();
    }
    const inner = values[Symbol.asyncIterator]();
    const iterator: AsyncIterator<T> = {
      next: () => wait(inner.next()) as Promise<IteratorResult<T>>,
      // Not there where the inner one has none: a loop that is left calls what it finds.
      ...(inner.return && { return: (value) => inner.return?.(value) as Promise<IteratorResult<T>> }),
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** The same inside of a `finally`, which may wait for what it cleans up. */
  finish<T>(value: T): T {
    guardNextAwait(value);
    return value;
  }

  /** Around an `await`: an interrupted cell does not go on behind it. */
  live<T>(value: T): T {
    this.check();
    return value;
  }

  /** First in a `catch`: an interrupt goes through. */
  caught(error: unknown): void {
    if (error instanceof KeyboardInterrupt) throw error;
    this.check();
  }

  /** @throws KeyboardInterrupt where the cell that runs was interrupted */
  check(): void {
    const cell = currentCell();
    if (cell && (cell.isStopped || this.#interrupter.isInterrupted(cell))) {
      cell.stop();
      throw new KeyboardInterrupt();
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}
