/** Limits how often something is shown, by a clock that tests can set. */

/** Milliseconds that never go back. */
export type Clock = () => number;

/** The process's own clock. */
export const monotonic: Clock = () => performance.now();

/** Says yes at most once per interval. */
export class Throttle {
  private last = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly intervalMs: number,
    private readonly clock: Clock = monotonic,
  ) {}

  /** True when an interval has gone by since it last was true (at once the first time). */
  ready(): boolean {
    const now = this.clock();
    if (now - this.last < this.intervalMs) return false;
    this.last = now;
    return true;
  }
}
