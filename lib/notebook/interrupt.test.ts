import assert from "node:assert/strict";
import { test } from "node:test";
import { cellSignal } from ".";

test("a cell's signal is the kernel's, and there is none outside of a notebook", () => {
  const place = globalThis as Record<symbol, unknown>;
  const key = Symbol.for("Jupyter.interrupt");
  assert.equal(cellSignal(), undefined);
  const { signal } = new AbortController();
  place[key] = { signal };
  try {
    assert.equal(cellSignal(), signal);
  } finally {
    delete place[key];
  }
});
