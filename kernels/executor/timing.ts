/** `%%time` and `%timeit`: how long a cell takes, as IPython prints it. */
import { performance } from "node:perf_hooks";

/** What is measured, and how often. */
export type Timing = { kind: "time" } | { kind: "timeit"; loops?: number; repeats?: number };

/** A run of `%timeit` takes at least so long, in ms: the loops are chosen for it. */
const minRunMs = 200;
const defaultRepeats = 7;

/** Measures `work` once; returns what it returns. Prints also if it throws: how long until then. */
export async function measureOnce<T>(work: () => Promise<T>, print: (text: string) => void): Promise<T> {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  try {
    return await work();
  } finally {
    const wall = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const times = [`user ${duration(user / 1e3)}`, `sys ${duration(system / 1e3)}`];
    print(
      `CPU times: ${times.join(", ")}, total ${duration((user + system) / 1e3)}\nWall time: ${duration(wall)}\n`,
    );
  }
}

/**
 * Mean and standard deviation over several runs of many loops each, as Python's timeit: without a number of loops, the least power
 * of ten that takes `minRunMs`, which also lets V8 compile what is measured.
 */
export async function measureOften(
  work: () => unknown,
  { loops, repeats = defaultRepeats }: { loops?: number; repeats?: number },
  print: (text: string) => void,
): Promise<void> {
  const isAsync = isAsyncFunction(work);
  const run = (count: number) => (isAsync ? loopAsync(work, count) : loop(work, count));
  let count = loops ?? 1;
  if (loops === undefined) while ((await run(count)) < minRunMs && count < 1e9) count *= 10;
  const perLoop: number[] = [];
  for (let i = 0; i < repeats; i += 1) perLoop.push((await run(count)) / count);
  const mean = perLoop.reduce((sum, ms) => sum + ms, 0) / repeats;
  const variance = perLoop.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / repeats;
  const runs = `${repeats} run${repeats === 1 ? "" : "s"}, ${count.toLocaleString("en")} loop${count === 1 ? "" : "s"} each`;
  lastValue = undefined;
  print(`${duration(mean)} ± ${duration(Math.sqrt(variance))} per loop (mean ± std. dev. of ${runs})\n`);
}

/** What the last call returned: V8 must not find out that nobody looks at it. */
export let lastValue: unknown;

/** Total ms. */
function loop(work: () => unknown, count: number): number {
  let value: unknown;
  const start = performance.now();
  for (let i = 0; i < count; i += 1) value = work();
  const ms = performance.now() - start;
  lastValue = value;
  return ms;
}

async function loopAsync(work: () => unknown, count: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i += 1) await work();
  return performance.now() - start;
}

function isAsyncFunction(work: () => unknown): boolean {
  return Object.prototype.toString.call(work) === "[object AsyncFunction]";
}

/** Milliseconds with a fitting unit and three digits: `1.23 ms`, `45.6 µs`, `2min 3s`. */
export function duration(ms: number): string {
  if (ms >= 60_000) {
    const seconds = Math.round(ms / 1e3);
    const parts = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60];
    const words = parts.map((part, i) => `${part}${["h", "min", "s"][i]}`);
    return words.slice(parts[0] === 0 ? 1 : 0).join(" ");
  }
  const units = [
    [1e3, "s"],
    [1, "ms"],
    [1e-3, "µs"],
    [1e-6, "ns"],
  ] as const;
  const [size, unit] = units.find(([size]) => ms >= size) ?? units[3];
  return `${Number((ms / size).toPrecision(3))} ${unit}`;
}
