/** What `import * as tslab from "tslab"` gives in a cell: tslab's display interface, on this kernel's outputs. */
import { randomUUID } from "node:crypto";
import type { Display } from "tslab";
import type { DisplayHook } from "./hook";

const mimeTypes = {
  javascript: "text/javascript",
  html: "text/html",
  markdown: "text/markdown",
  latex: "text/latex",
  svg: "image/svg+xml",
  png: "image/png",
  jpeg: "image/jpeg",
  gif: "image/gif",
  pdf: "application/pdf",
  text: "text/plain",
} as const;

/** The module that stands in for tslab's own, which would talk to tslab's server. */
export function createTslabModule(hook: DisplayHook, versions: Record<string, string>) {
  return {
    __esModule: true,
    display: createDisplay(hook),
    newDisplay: () => createDisplay(hook, randomUUID()),
    versions,
  };
}

/** With an id the first call shows and later ones replace. */
function createDisplay(hook: DisplayHook, displayId?: string): Display {
  let isShown = false;
  const raw = (contentType: string, data: string | Uint8Array) => {
    const bundle = { [contentType]: data };
    if (displayId !== undefined && isShown) hook.update(displayId, bundle);
    else hook.display(bundle, {}, displayId);
    isShown = true;
  };
  const methods = Object.entries(mimeTypes).map(([name, mime]) => [
    name,
    (data: string | Uint8Array) => raw(mime, data),
  ]);
  return { ...Object.fromEntries(methods), raw } as Display;
}
