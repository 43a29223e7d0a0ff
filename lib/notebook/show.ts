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
  type MimeMetadata,
  newDisplayId,
  plainText,
} from "./display";
import { figureBundle, figureMetadata, figureText, isFigure, liveBundle } from "./figure-bundle";
import { smoothPanScript } from "./smooth-pan";
import { isDataFrame, table } from "./table";

/**
 * Shows each value (a figure of lib/plot, an image, a table, text, anything) at once, in order. A figure is interactive immediately and gets its static picture (for GitHub and
 * other places where no script runs) when that is drawn; `await show(…)` waits for it. A danfojs DataFrame becomes a
 * table, and a promise what it resolves to. Without a kernel each value is printed as text.
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
  return {
    [DISPLAY]: () => (displayHook()?.isCaptured ? liveBundle(spec) : figureBundle(spec)),
    [DISPLAY_METADATA]: figureMetadata(spec),
  };
}

async function printAll(values: unknown[]): Promise<void> {
  for (const value of values) process.stdout.write(`${await textOf(value)}\n`);
}

async function showOne(value: unknown, hook: DisplayHook): Promise<void> {
  if (value instanceof Promise) {
    const id = holdPlace(hook);
    const { bundle, metadata } = await finalBundle(await value);
    hook.update(id, bundle, metadata);
    return;
  }
  if (isFigure(value)) {
    const id = newDisplayId();
    hook.display(liveBundle(value), {}, id);
    // What is captured lives in a widget: no place that runs no script shows it, and it is drawn again and again.
    if (hook.isCaptured) return;
    const script = smoothPanScript(value);
    if (script) hook.display({ "text/html": script, "text/plain": "" });
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
  const id = holdPlace(hook);
  hook.update(id, await bundle, shown[DISPLAY_METADATA]);
}

/** Takes a place at once, so that the order of the calls is the order on the page. */
function holdPlace(hook: DisplayHook): string {
  const id = newDisplayId();
  hook.display({ "text/plain": "…" }, {}, id);
  return id;
}

async function finalBundle(value: unknown): Promise<{ bundle: MimeBundle; metadata?: MimeMetadata }> {
  if (isFigure(value)) return { bundle: await figureBundle(value), metadata: figureMetadata(value) };
  const shown = isDataFrame(value) ? table(value) : value;
  if (isDisplayable(shown)) return { bundle: await bundleOf(shown), metadata: shown[DISPLAY_METADATA] };
  return { bundle: { "text/plain": typeof shown === "string" ? shown : inspect(shown) } };
}

async function textOf(given: unknown): Promise<string> {
  const value = await given;
  if (typeof value === "string") return value;
  if (isFigure(value)) return figureText(value);
  if (isDataFrame(value)) return plainText(await bundleOf(table(value)));
  if (isDisplayable(value)) return plainText(await bundleOf(value));
  return inspect(value);
}

async function bundleOf(value: Displayable): Promise<MimeBundle> {
  return value[DISPLAY]();
}
