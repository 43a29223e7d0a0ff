/** Any value -> the MIME bundle that shows it. */
import { inspect } from "node:util";
import type { MimeBundle, Shown } from "../executor/contract";
import { imageBundle } from "./image";
import { plain } from "./plain";
import { tableBundle } from "./table";
import { describeTensor } from "./tensor";

/** The convention of JavaScript kernels: a method that returns a MIME bundle, or a promise of one. */
export const displaySymbol = Symbol.for("Jupyter.display");
/** Beside it, optionally: a property with the bundle's metadata. */
export const displayMetadataSymbol = Symbol.for("Jupyter.displayMetadata");

/** Undefined for what shows nothing: `undefined`, and a value whose own method returns nothing. */
export async function showValue(value: unknown): Promise<Shown | undefined> {
  if (value === undefined) return undefined;
  if ((typeof value === "object" && value !== null) || typeof value === "function") {
    const self = value as unknown as Record<symbol, unknown>;
    const show = self[displaySymbol];
    if (typeof show === "function") {
      const data = checkBundle(await show.call(value));
      return data && plain({ data, metadata: { ...(self[displayMetadataSymbol] as object | undefined) } });
    }
  }
  return { data: builtInBundle(value), metadata: {} };
}

export function builtInBundle(value: unknown): MimeBundle {
  const special = describeTensor(value) ?? tableBundle(value) ?? imageBundle(value);
  return (
    special ?? { "text/plain": inspect(value, { depth: 4, maxArrayLength: 50, maxStringLength: 10_000 }) }
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
