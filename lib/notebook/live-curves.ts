/** Curves that grow while something trains, in one place on the page that ends as an interactive figure. */
import { type Axis, formatCount, type Panel, type PlotlyFigure, smallMultiples } from "../plot";
import { displayHook, newDisplayId } from "./display";
import { figureBundle, figureMetadata, figureText } from "./figure-bundle";
import { sketch } from "./sketch";
import { type Clock, monotonic, Throttle } from "./throttle";

/** One panel: the quantities in it and what its axis measures. */
export interface CurvePanel {
  y: Axis;
  /** Names of the values given to `push` that belong here. */
  series: string[];
}

export interface LiveCurvesOptions {
  title: string;
  subtitle?: string;
  panels: CurvePanel[];
  /** The shared x axis; default training step in batches. */
  x?: Axis;
  /** Most points of one curve; default 500. Beyond it, neighbours are averaged two by two. */
  maxPoints?: number;
  /** Panels side by side; default 1. */
  columns?: number;
  /** Height of a panel in pixels; default 130. */
  panelHeight?: number;
  /** Milliseconds between updates of the shown figure; default 1000. */
  intervalMs?: number;
  /** Milliseconds; default the process's clock. */
  clock?: Clock;
}

/** Running curves. */
export interface LiveCurves {
  /** Adds one point to each named curve; cheap, shows at most once an interval. */
  push(step: number, values: Record<string, number>): void;
  /** The figure as it stands. */
  figure(): PlotlyFigure;
  /** Turns the running curves into the interactive figure with its static picture. Call it in `finally`, so that an interrupted run keeps its picture. */
  finish(): Promise<void>;
}

/** Starts curves that update one figure as points are pushed; nothing is shown before the first point. */
export function liveCurves(options: LiveCurvesOptions): LiveCurves {
  const { title, subtitle, panels, columns, maxPoints = 500, panelHeight = 130 } = options;
  const { x = { title: "training step", unit: "batches" }, intervalMs = 1000, clock = monotonic } = options;
  const hook = displayHook();
  const throttle = new Throttle(intervalMs, clock);
  const id = newDisplayId();
  const curves = new Map<string, Curve>();
  for (const name of panels.flatMap((panel) => panel.series)) {
    if (curves.has(name))
      throw new Error(`liveCurves: expected each series in one panel, got "${name}" twice`);
    curves.set(name, new Curve(maxPoints));
  }
  let shown = false;
  const figure = () => {
    const width = Math.max(...[...curves.values()].map((curve) => curve.width));
    const about = [subtitle, width > 1 && `each point is the mean of ${formatCount(width)}`]
      .filter(Boolean)
      .join(" · ");
    const filled: Panel[] = panels.map(({ y, series }) => ({
      y,
      series: series.map((name) => ({ name, ...curveOf(curves, name).points() })),
    }));
    return smallMultiples({ title, subtitle: about || undefined, x, panels: filled, columns, panelHeight });
  };
  const finish = async () => {
    const last = figure();
    if (!hook) {
      process.stdout.write(`${figureText(last)}\n`);
      return;
    }
    const bundle = await figureBundle(last);
    if (shown) hook.update(id, bundle, figureMetadata(last));
    else hook.display(bundle, figureMetadata(last), id);
  };
  return {
    push(step, values) {
      for (const [name, value] of Object.entries(values)) curveOf(curves, name).add(step, value);
      if (!hook || !throttle.ready()) return;
      const now = figure();
      const bundle = { "text/html": sketch(now), "text/plain": figureText(now) };
      if (shown) hook.update(id, bundle);
      else hook.display(bundle, {}, id);
      shown = true;
    },
    figure,
    finish() {
      const work = finish();
      hook?.hold?.(work);
      return work;
    },
  };
}

function curveOf(curves: Map<string, Curve>, name: string): Curve {
  const curve = curves.get(name);
  if (!curve)
    throw new Error(`liveCurves: expected a series among ${[...curves.keys()].join(", ")}, got "${name}"`);
  return curve;
}

/** Points of bounded number: when full, neighbours are averaged, and from then on each point is a mean of twice as many. */
class Curve {
  /** How many pushed values one point stands for. */
  width = 1;
  private x: number[] = [];
  private y: number[] = [];
  private sumX = 0;
  private sumY = 0;
  private pending = 0;

  constructor(private readonly maxPoints: number) {
    if (!(maxPoints >= 2)) throw new Error(`liveCurves: expected maxPoints of 2 or more, got ${maxPoints}`);
  }

  add(x: number, y: number): void {
    this.sumX += x;
    this.sumY += y;
    this.pending++;
    if (this.pending < this.width) return;
    this.x.push(this.sumX / this.pending);
    this.y.push(this.sumY / this.pending);
    this.clearPending();
    if (this.x.length < this.maxPoints) return;
    // An odd last point goes back to the values that wait, so that every point stands for as many.
    if (this.x.length % 2 === 1) {
      this.sumX = (this.x.pop() ?? 0) * this.width;
      this.sumY = (this.y.pop() ?? 0) * this.width;
      this.pending = this.width;
    }
    this.x = halve(this.x);
    this.y = halve(this.y);
    this.width *= 2;
  }

  /** All points, the last being the mean of the values that have not filled one yet. */
  points(): { x: number[]; y: number[] } {
    if (this.pending === 0) return { x: this.x, y: this.y };
    return { x: [...this.x, this.sumX / this.pending], y: [...this.y, this.sumY / this.pending] };
  }

  private clearPending(): void {
    this.sumX = 0;
    this.sumY = 0;
    this.pending = 0;
  }
}

function halve(values: number[]): number[] {
  return Array.from({ length: values.length >> 1 }, (_, i) => (values[2 * i] + values[2 * i + 1]) / 2);
}
