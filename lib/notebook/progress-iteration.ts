/** Loops that show their progress: what `progress(items, options)` gives. */
import { cellSignal } from "./interrupt";
import type { Line, ProgressOptions } from "./progress";

/** As for a line of one's own; the total is known from most collections. */
export type IterationOptions = Omit<ProgressOptions, "start">;

type StartLine = (options: ProgressOptions, id?: string, isShown?: boolean) => Line;

/** A loop that runs, with the lines that loops inside of it have used, by label. */
interface Loop {
  /** The signal of its cell: a loop of an earlier cell, ended by force, is not around this one. */
  cell: AbortSignal | undefined;
  used: Map<string, string>;
}

/** Loops that run, the innermost last. */
const running: Loop[] = [];

export function iterate<V>(
  items: Iterable<V> | AsyncIterable<V>,
  options: IterationOptions,
  startLine: StartLine,
): Iterable<V> | AsyncIterable<V> {
  const known = { total: options.total ?? sizeOf(items) };
  const start = () => startLoop({ ...options, ...known }, startLine);
  return Symbol.asyncIterator in items ? overTime(items, start) : atOnce(items, start);
}

function* atOnce<V>(items: Iterable<V>, start: () => RunningLoop): Generator<V> {
  const loop = start();
  try {
    for (const item of loop.watch(items)) {
      yield item;
      loop.step();
    }
    loop.finish();
  } finally {
    loop.leave();
  }
}

async function* overTime<V>(items: AsyncIterable<V>, start: () => RunningLoop): AsyncGenerator<V> {
  const loop = start();
  try {
    for await (const item of loop.watchAsync(items)) {
      yield item;
      loop.step();
    }
    loop.finish();
  } finally {
    loop.leave();
  }
}

interface RunningLoop {
  /** The items themselves; remembers that the source of them failed. */
  watch<V>(items: Iterable<V>): Iterable<V>;
  watchAsync<V>(items: AsyncIterable<V>): AsyncIterable<V>;
  step(): void;
  finish(): void;
  /** Behind the end, a break, an error of the loop's body, or an interrupt. */
  leave(): void;
}

function startLoop(options: ProgressOptions, startLine: StartLine): RunningLoop {
  const cell = cellSignal();
  while (running.length > 0 && running[running.length - 1].cell !== cell) running.pop();
  const outer = running.at(-1);
  const usedId = outer?.used.get(options.label);
  // Nothing to do is done at once.
  const line = options.total === 0 ? undefined : startLine(options, usedId, usedId !== undefined);
  if (line?.id) outer?.used.set(options.label, line.id);
  const loop: Loop = { cell, used: new Map() };
  running.push(loop);
  let done = 0;
  let failed = false;
  const failing = (error: unknown): never => {
    failed = true;
    throw error;
  };
  line?.update(0);
  return {
    *watch(items) {
      try {
        yield* items;
      } catch (error) {
        failing(error);
      }
    },
    async *watchAsync(items) {
      try {
        yield* items;
      } catch (error) {
        failing(error);
      }
    },
    step: () => {
      done += 1;
      line?.update(done);
    },
    finish: () => line?.finish(),
    leave: () => {
      const at = running.indexOf(loop);
      if (at !== -1) running.splice(at, 1);
      line?.stop(failed ? "failed" : "stopped");
    },
  };
}

/** How many there are, where the collection knows. */
function sizeOf(items: object): number | undefined {
  const { length, size } = items as { length?: unknown; size?: unknown };
  for (const count of [length, size]) if (Number.isSafeInteger(count)) return count as number;
  return undefined;
}
