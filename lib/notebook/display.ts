/** The seam to the kernel: global symbols, so that neither side imports the other. Without a kernel, text goes to stdout. */

/** MIME type to data: text as a string, pictures as base64, `+json` types as plain JSON. Always has text/plain. */
export type MimeBundle = Record<string, unknown>;

/** By MIME type, for example `{"image/png": {width: 800, height: 440}}`. */
export type MimeMetadata = Record<string, unknown>;

/** The method that makes a value show itself as a cell's result (the convention of JavaScript kernels). */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display");
/** Optional property beside it: metadata of the bundle. */
export const DISPLAY_METADATA: unique symbol = Symbol.for("Jupyter.displayMetadata");

const DISPLAY_HOOK = Symbol.for("Jupyter.displayHook");

/** A value that knows its own bundle. */
export interface Displayable {
  [DISPLAY](): MimeBundle | Promise<MimeBundle>;
  readonly [DISPLAY_METADATA]?: MimeMetadata;
}

/** What the kernel offers to code that runs in a cell. */
export interface DisplayHook {
  /** Shows a bundle in the running cell; with an id it can be updated later. */
  display(bundle: MimeBundle, metadata?: MimeMetadata, displayId?: string): void;
  /** Replaces what was shown under an id. */
  update(displayId: string, bundle: MimeBundle, metadata?: MimeMetadata): void;
  /** Clears the running cell's output; with `wait`, when the next output comes. */
  clear(wait?: boolean): void;
  /** Keeps the cell running until the promise has settled. */
  hold?(promise: Promise<unknown>): void;
  /** Runs a task; what it shows and prints, now or later, goes to `sink` instead of the cell. */
  capture?<T>(sink: (output: CapturedOutput) => void, task: () => T): T;
  /** Whether what is shown now goes to a sink. */
  readonly isCaptured?: boolean;
  /** A value as the result of a cell shows it; undefined for what shows nothing. */
  bundle?(value: unknown): Promise<Shown | undefined>;
  /** An error as a cell that it ends shows it. */
  describe?(error: unknown): ErrorDescription;
}

/** A bundle and its metadata. */
export interface Shown {
  data: MimeBundle;
  metadata: MimeMetadata;
}

export interface ErrorDescription {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** What a task does to a cell's output. */
export type CapturedOutput =
  | { type: "stream"; name: "stdout" | "stderr"; text: string }
  | { type: "display"; shown: Shown; displayId?: string; update: boolean }
  | { type: "clear"; wait: boolean };

const scope: typeof globalThis & { [DISPLAY_HOOK]?: DisplayHook } = globalThis;

/** The kernel's hook, or undefined outside a notebook. */
export function displayHook(): DisplayHook | undefined {
  return scope[DISPLAY_HOOK];
}

/** Installs a hook (what the kernel does; here for tests) and returns a function that puts the former one back. */
export function installDisplayHook(hook: DisplayHook | undefined): () => void {
  const former = scope[DISPLAY_HOOK];
  scope[DISPLAY_HOOK] = hook;
  return () => {
    scope[DISPLAY_HOOK] = former;
  };
}

export function isDisplayable(value: unknown): value is Displayable {
  return (typeof value === "object" || typeof value === "function") && value !== null && DISPLAY in value;
}

let displays = 0;

/** A display id that no other output of this process or of an earlier one has. */
export function newDisplayId(): string {
  displays++;
  return `vitrine-${process.pid}-${Date.now().toString(36)}-${displays}`;
}

/** The text of a bundle, for a terminal. */
export function plainText(bundle: MimeBundle): string {
  return String(bundle["text/plain"] ?? "");
}
