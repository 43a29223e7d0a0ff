/** Any value -> the MIME bundle that shows it. */
import { inspect, types } from "node:util";
import type { MimeBundle, Shown } from "../executor/contract";
import { figureBundle } from "./figure";
import { drawnBundle, imageBundle } from "./image";
import { plain } from "./plain";
import { tableBundle } from "./table";
import { describeTensor } from "./tensor";
import { textOf } from "./text";

/** The convention of JavaScript kernels: a method that returns a MIME bundle, or a promise of one. */
export const displaySymbol = Symbol.for("Jupyter.display");
/** Beside it, optionally: a property with the bundle's metadata. */
export const displayMetadataSymbol = Symbol.for("Jupyter.displayMetadata");

/** Undefined for what shows nothing: `undefined`, and a value whose own method returns nothing. */
export async function showValue(value: unknown): Promise<Shown | undefined> {
  if (value === undefined) return undefined;
  if (isObject(value)) {
    const show = value[displaySymbol];
    if (typeof show === "function") {
      const data = checkBundle(await show.call(value));
      return data && plain({ data, metadata: { ...(value[displayMetadataSymbol] as object | undefined) } });
    }
  }
  const drawn = isObject(value) ? await drawnBundle(value) : undefined;
  return plain({ data: drawn ?? builtInBundle(value), metadata: {} });
}

export function builtInBundle(value: unknown): MimeBundle {
  const special = isObject(value)
    ? (describeTensor(value) ?? tableBundle(value) ?? imageBundle(value) ?? figureBundle(value))
    : undefined;
  return special ?? { "text/plain": textOf(value) };
}

/** Not a proxy: looking at one runs a person's code. */
function isObject(value: unknown): value is Record<symbol, unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") && !types.isProxy(value)
  );
}

/** @throws TypeError when a display method returns something that is no bundle. */
function checkBundle(data: unknown): MimeBundle | undefined {
  if (data === undefined || data === null) return undefined;
  if (typeof data !== "object" || Array.isArray(data)) {
    throw new TypeError(
      `display: expected a record of MIME types from Jupyter.display, got ${inspect(data)}`,
    );
  }
  return Object.keys(data).length === 0 ? undefined : (data as MimeBundle);
}
