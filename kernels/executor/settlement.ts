/**
 * How the executor waits for a cell while a debugger wants to stop at uncaught errors: V8 takes an error for caught if anything
 * waits for its promise, and so the executor then waits without a handler and hears of the error as an unhandled rejection.
 */

let isHidden = false;
const waiting = new WeakMap<Promise<unknown>, (reason: unknown) => void>();

/** From now on `settled` waits without being seen, or not any more. */
export function hideWaiting(hidden: boolean): void {
  isHidden = hidden;
}

export function isWaitingHidden(): boolean {
  return isHidden;
}

export function settled<T>(promise: Promise<T>): Promise<T> {
  if (!isHidden) return promise;
  return new Promise((resolve, reject) => waiting.set(promise.then(resolve), reject));
}

/** An unhandled rejection: true if it was of a promise that `settled` waits for. */
export function rejectHidden(promise: Promise<unknown>, reason: unknown): boolean {
  const reject = waiting.get(promise);
  reject?.(reason);
  return reject !== undefined;
}
