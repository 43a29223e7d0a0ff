/** Many trainings at once: grids and random draws of options, and which results none other beats. */
import type { SaeTrainingOptions, SweepMember } from "../sae";
import { Random } from "../tensor";

/** Values of an option: a list to choose from, or a range drawn from evenly ("uniform") or in its logarithm ("log"). */
export type Choice = readonly unknown[] | { uniform: [number, number] } | { log: [number, number] };

/** Every combination of `grid`, or `trials` random draws from `random`; on top of the same options. */
export type SweepPlan =
  | { grid: Readonly<Record<string, readonly unknown[]>> }
  | { random: Readonly<Record<string, Choice>>; trials: number; seed?: number };

/** The members of a sweep, named by what differs: "k=32,learningRate=0.001". */
export function planSweep(base: SaeTrainingOptions, plan: SweepPlan): SweepMember[] {
  const draws = "grid" in plan ? combinations(plan.grid) : randomDraws(plan);
  const members = draws.map((draw) => ({
    name: Object.entries(draw)
      .map(([name, value]) => `${name}=${typeof value === "number" ? Number(value.toPrecision(4)) : value}`)
      .join(","),
    options: { ...base, ...draw } as SaeTrainingOptions,
  }));
  const byName = new Map(members.map((member) => [member.name, member]));
  if (byName.size === 0 || byName.has("")) throw new Error("planSweep: expected options to vary, got none");
  return [...byName.values()];
}

/** One finished run of a sweep. */
export interface SweepPoint {
  name: string;
  /** Held-out fraction of variance unexplained. */
  fvu: number;
  /** Held-out mean number of active features. */
  l0: number;
}

/** The points that no other has both a smaller FVU and a smaller L0 than (or one equal), by rising L0. */
export function paretoFront<P extends SweepPoint>(points: readonly P[]): P[] {
  const sorted = points
    .filter(({ fvu, l0 }) => Number.isFinite(fvu) && Number.isFinite(l0))
    .sort((a, b) => a.l0 - b.l0 || a.fvu - b.fvu);
  let least = Number.POSITIVE_INFINITY;
  return sorted.filter(({ fvu }) => {
    if (fvu >= least) return false;
    least = fvu;
    return true;
  });
}

function combinations(grid: Readonly<Record<string, readonly unknown[]>>): Record<string, unknown>[] {
  let out: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(grid)) {
    if (!Array.isArray(values) || values.length === 0) {
      throw new Error(`planSweep: expected a list of values for ${name}, got ${JSON.stringify(values)}`);
    }
    out = out.flatMap((draw) => values.map((value) => ({ ...draw, [name]: value })));
  }
  return out;
}

function randomDraws({
  random: choices,
  trials,
  seed = 42,
}: Extract<SweepPlan, { trials: number }>): Record<string, unknown>[] {
  if (!(Number.isInteger(trials) && trials > 0)) {
    throw new Error(`planSweep: expected trials to be a whole number > 0, got ${trials}`);
  }
  // A trial's draw depends on its number alone, so that more trials keep the first ones.
  return Array.from({ length: trials }, (_, trial) =>
    Object.fromEntries(
      Object.entries(choices).map(([name, choice]) => [
        name,
        draw(choice, new Random(`sweep/${seed}/${trial}/${name}`), name),
      ]),
    ),
  );
}

function draw(choice: Choice, random: Random, name: string): unknown {
  if (Array.isArray(choice) && choice.length > 0) return choice[random.int(choice.length)];
  if (!Array.isArray(choice) && typeof choice === "object") {
    const range = "log" in choice ? choice.log : (choice as { uniform: [number, number] }).uniform;
    const [low, high] = range ?? [];
    if (low < high && (low > 0 || !("log" in choice))) {
      const share = random.uniform();
      return "log" in choice ? low * (high / low) ** share : low + (high - low) * share;
    }
  }
  throw new Error(
    `planSweep: expected a list, {"log": [low, high]} or {"uniform": [low, high]} for ${name}, got ${JSON.stringify(choice)}`,
  );
}
