/** `show`: displays figures, pictures, tables and other values from anywhere in a cell. */
import { inspect } from "node:util";
import type { PlotlyFigure } from "../plot";
import {
  DISPLAY,
  DISPLAY_METADATA,
  type Displayable,
  type DisplayHook,
  displayHook,
  isDisplayable,
  type MimeBundle,
  newDisplayId,
  plainText,
} from "./display";
import { figureBundle, figureMetadata, figureText, isFigure, liveBundle } from "./figureBundle";
import { isDataFrame, table } from "./table";

/**
 * Shows each value (a figure of lib/plot, an image, a table, text, anything) at once, in order. A figure is interactive immediately and gets its static picture (for GitHub and
 * other places where no script runs) when that is drawn; `await show(…)` waits for it. A danfojs DataFrame becomes a
 * table. Without a kernel each value is printed as text.
 */
export function show(...values: unknown[]): Promise<void> {
  const hook = displayHook();
  if (!hook) return printAll(values);
  const work = Promise.all(values.map((value) => showOne(value, hook))).then(() => undefined);
  hook.hold?.(work);
  return work;
}

/** A figure as the result of a cell's last line: `figure(spec)` shows itself there, picture included. */
export function figure(spec: PlotlyFigure): Displayable {
  return { [DISPLAY]: () => figureBundle(spec), [DISPLAY_METADATA]: figureMetadata(spec) };
}

async function printAll(values: unknown[]): Promise<void> {
  for (const value of values) process.stdout.write(`${await textOf(value)}\n`);
}

async function showOne(value: unknown, hook: DisplayHook): Promise<void> {
  if (isFigure(value)) {
    const id = newDisplayId();
    hook.display(liveBundle(value), {}, id);
    hook.update(id, await figureBundle(value), figureMetadata(value));
    return;
  }
  const shown = isDataFrame(value) ? table(value) : value;
  if (!isDisplayable(shown)) {
    hook.display({ "text/plain": typeof shown === "string" ? shown : inspect(shown) });
    return;
  }
  const bundle = shown[DISPLAY]();
  if (!(bundle instanceof Promise)) {
    hook.display(bundle, shown[DISPLAY_METADATA]);
    return;
  }
  // A place is taken at once, so that the order of the calls is the order on the page.
  const id = newDisplayId();
  hook.display({ "text/plain": "…" }, {}, id);
  hook.update(id, await bundle, shown[DISPLAY_METADATA]);
}

async function textOf(value: unknown): Promise<string> {
  if (typeof value === "string") return value;
  if (isFigure(value)) return figureText(value);
  if (isDataFrame(value)) return plainText(await bundleOf(table(value)));
  if (isDisplayable(value)) return plainText(await bundleOf(value));
  return inspect(value);
}

async function bundleOf(value: Displayable): Promise<MimeBundle> {
  return value[DISPLAY]();
}
