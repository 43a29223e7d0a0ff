import assert from "node:assert/strict";
import { test } from "node:test";
import { type DisplayHook, installDisplayHook, type MimeBundle } from "./display";
import { stages } from "./stages";

test("each stage has one line that ends full, a cached one is said once, and a last word may come twice", (t) => {
  const places = new Map<string, MimeBundle>();
  const hook = {
    display: (bundle: MimeBundle, _: unknown, id: string) => places.set(id, bundle),
    update: (id: string, bundle: MimeBundle) => places.set(id, bundle),
    clear: () => {},
  } as unknown as DisplayHook;
  const uninstall = installDisplayHook(hook);
  const printed: string[] = [];
  t.mock.method(console, "log", (line: string) => printed.push(line));
  try {
    const report = stages({ training: "steps" });
    for (const done of [1, 2, 2]) report("activations", { done, total: 2, cached: false });
    for (const done of [1, 2, 2]) report("training", { done, total: 2, cached: true });
    report("statistics", { done: 1, total: 2, cached: false });
  } finally {
    uninstall();
  }
  assert.deepEqual(printed, ["training: computed before, read from the cache"]);
  const texts = [...places.values()].map((bundle) => String(bundle["text/plain"]));
  assert.equal(texts.length, 2);
  assert.match(texts[0], /^activations .*100% · 2 of 2 pictures/);
  assert.match(texts[1], /^statistics .* 1 of 2 pictures/);
});
