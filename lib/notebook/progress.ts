/** Progress of long work: one line with a bar, the rate and the time left; it stays in the saved notebook when done. */
import { displayHook, newDisplayId } from "./display";
import { type IterationOptions, iterate } from "./progress-iteration";
import { escapeHtml } from "./table";
import { type Clock, monotonic, Throttle } from "./throttle";

/** What is told beside the bar, such as a loss. */
export type ProgressValues = Record<string, number | string>;

export interface ProgressOptions {
  /** Number of units of work in all; without it no bar, but the count and the rate. */
  total?: number;
  /** What is being done: "training". */
  label: string;
  /** The unit in plural: "steps", "images". Default "steps". */
  unit?: string;
  /** Units done before this run (a resumed one): they count for the bar, not for the rate. Default 0. */
  start?: number;
  /** Where text goes when there is no kernel; default process.stdout. */
  stream?: ProgressStream;
  /** Milliseconds; default the process's clock. */
  clock?: Clock;
}

/** The part of a terminal stream that is used. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** A running progress line. */
export interface Progress {
  /** `done` units of `total` are done; cheap enough for every step. */
  update(done: number, values?: ProgressValues): void;
  /** Ends the line with the time it took. Without it the line stays as it was last. */
  finish(values?: ProgressValues): void;
  /** Ends it as work that was left before its end: "stopped" for a break or an interrupt, "failed" for an error. */
  stop(how: "stopped" | "failed"): void;
}

const NOTEBOOK_INTERVAL_MS = 250;
const TERMINAL_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 5000;

/** Shows a progress line: in a notebook at most 4 updates a second, in a terminal one line, otherwise a line every 5 s. */
export function progress(options: ProgressOptions): Progress;
/**
 * Goes through a collection, or through what comes in time, with such a line. The total is the collection's own length or size where it
 * has one. Loops inside of loops: an inner line is used again by the next inner loop of its label.
 * @example for (const batch of progress(batches, { label: "evaluating", unit: "batches" })) …
 */
export function progress<V>(items: Iterable<V>, options: IterationOptions): Iterable<V>;
export function progress<V>(items: AsyncIterable<V>, options: IterationOptions): AsyncIterable<V>;
export function progress<V>(
  first: ProgressOptions | Iterable<V> | AsyncIterable<V>,
  options?: IterationOptions,
): Progress | Iterable<V> | AsyncIterable<V> {
  return options ? iterate(first as Iterable<V>, options, startLine) : startLine(first as ProgressOptions);
}

/** @param id of a display that is there already and is drawn over */
function startLine(options: ProgressOptions, id = displayHook() && newDisplayId(), isShown = false): Line {
  const { total, label, unit = "steps", start = 0, stream = process.stdout, clock = monotonic } = options;
  if (total !== undefined && !(total > 0))
    throw new Error(`progress: expected a total above 0, got ${total}`);
  const hook = displayHook();
  const interval = hook ? NOTEBOOK_INTERVAL_MS : stream.isTTY ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS;
  const throttle = new Throttle(interval, clock);
  const began = clock();
  let state: ProgressState = {
    label,
    unit,
    total,
    done: start,
    worked: 0,
    seconds: 0,
    values: {},
    ending: undefined,
  };
  let shown = isShown;
  let closed = false;
  const draw = () => {
    const text = progressText(state);
    if (hook && id) {
      const bundle = { "text/html": progressHtml(state), "text/plain": text };
      if (shown) hook.update(id, bundle);
      else hook.display(bundle, {}, id);
      shown = true;
    } else if (stream.isTTY) stream.write(`\r\u001b[2K${text}${state.ending ? "\n" : ""}`);
    else stream.write(`${text}\n`);
  };
  const advance = (done: number, values: ProgressValues, ending?: ProgressState["ending"]) => {
    const seconds = (clock() - began) / 1000;
    state = {
      ...state,
      done,
      worked: done - start,
      seconds,
      values: { ...state.values, ...values },
      ending,
    };
  };
  const end = (ending: ProgressState["ending"], values: ProgressValues = {}) => {
    if (closed) return;
    closed = true;
    advance(state.done, values, ending);
    draw();
  };
  return {
    id,
    update(done, values = {}) {
      if (closed) throw new Error(`progress: expected no update of "${label}" after finish()`);
      advance(done, values);
      if (throttle.ready()) draw();
    },
    finish: (values) => end("finished", values),
    stop: (how) => end(how),
  };
}

/** A line that another may take over. */
export interface Line extends Progress {
  readonly id: string | undefined;
}

interface ProgressState {
  label: string;
  unit: string;
  total: number | undefined;
  done: number;
  /** Units done in this run. */
  worked: number;
  seconds: number;
  values: ProgressValues;
  ending: "finished" | "stopped" | "failed" | undefined;
}

/** 75 -> "1:15", 3675 -> "1:01:15". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

function describe({ done, total, worked, unit, seconds, values, ending }: ProgressState): string {
  const rate = seconds > 0 ? worked / seconds : 0;
  const count = (n: number) => n.toLocaleString("en-US");
  const parts = [
    total === undefined ? `${count(done)} ${unit}` : `${count(done)} of ${count(total)} ${unit}`,
  ];
  if (rate > 0)
    parts.push(`${rate >= 100 ? count(Math.round(rate)) : Number(rate.toPrecision(3))} ${unit}/s`);
  if (ending) parts.push(`${endings[ending].word} ${formatDuration(seconds)}`);
  else if (rate > 0 && total !== undefined) parts.push(`${formatDuration((total - done) / rate)} left`);
  for (const [name, value] of Object.entries(values))
    parts.push(`${name} ${typeof value === "number" ? Number(value.toPrecision(4)) : value}`);
  return parts.join(" · ");
}

const endings = {
  finished: { word: "took", colour: "var(--jp-success-color1, #1f9e77)" },
  stopped: { word: "stopped after", colour: "var(--jp-warn-color1, #d97706)" },
  failed: { word: "failed after", colour: "var(--jp-error-color1, #dc2626)" },
};

/** Undefined where nobody knows how much there is. */
function percent({ done, total }: ProgressState): number | undefined {
  return total === undefined ? undefined : Math.min(100, Math.floor((100 * done) / total));
}

function progressText(state: ProgressState): string {
  const share = percent(state);
  if (share === undefined) return `${state.label} ${describe(state)}`;
  const filled = Math.round(share / 5);
  return `${state.label} ${"█".repeat(filled)}${"░".repeat(20 - filled)} ${share}% · ${describe(state)}`;
}

function progressHtml(state: ProgressState): string {
  const share = percent(state);
  const track = "background:var(--jp-border-color2, #d9dee4);border-radius:3px;height:6px;width:220px;";
  const colour = state.ending ? endings[state.ending].colour : "var(--jp-brand-color1, #3b82d6)";
  const bar = `<div style="background:${colour};border-radius:3px;height:6px;width:${share}%;"></div>`;
  const text = escapeHtml(`${share === undefined ? "" : `${share}% · `}${describe(state)}`);
  return (
    '<div style="display:flex;align-items:center;gap:12px;flex-wrap:wrap;font-variant-numeric:tabular-nums;">' +
    `<b>${escapeHtml(state.label)}</b>${share === undefined ? "" : `<div style="${track}">${bar}</div>`}<span>${text}</span></div>`
  );
}
