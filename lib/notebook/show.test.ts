import assert from "node:assert/strict";
import { test } from "node:test";
import { DISPLAY, type DisplayHook, installDisplayHook, type MimeBundle } from "./display";
import { featureGrid } from "./feature-grid";
import { show } from "./show";

/** What a page shows, by place. */
function page() {
  const places = new Map<string, MimeBundle>();
  let unnamed = 0;
  const hook: DisplayHook = {
    display: (bundle, _metadata, id = `unnamed ${unnamed++}`) => places.set(id, bundle),
    update: (id, bundle) => {
      assert.ok(places.has(id), `no place ${id}`);
      places.set(id, bundle);
    },
    clear: () => places.clear(),
  };
  return { hook, shown: () => [...places.values()].map((bundle) => bundle["text/plain"]) };
}

test("a promise is shown as what it resolves to, at the place of its call", async () => {
  const { hook, shown } = page();
  const uninstall = installDisplayHook(hook);
  try {
    let resolve: (value: unknown) => void = () => {};
    const late = show(new Promise((done) => (resolve = done)));
    await show("after it");
    assert.deepEqual(shown(), ["…", "after it"]);
    resolve({ [DISPLAY]: () => ({ "text/plain": "at last" }) });
    await late;
    assert.deepEqual(shown(), ["at last", "after it"]);
    await assert.rejects(show(Promise.reject(new Error("no picture"))), /no picture/);
  } finally {
    uninstall();
  }
});

test("a grid has a row for each feature with its strongest pictures' captions", async () => {
  const asked: number[][] = [];
  const grid = await featureGrid([5, 2], {
    pictures: {
      pictureShape: [2, 2, 3],
      record: (i) => ({ caption: `picture ${i}` }),
      pictures: async (indices) => {
        asked.push(Array.from(indices));
        return new Uint8Array(indices.length * 12);
      },
    },
    top: { feature: (feature) => ({ rows: [feature, 9, 8, 7] }) },
    count: 3,
    note: (feature) => `note ${feature}`,
  });
  assert.deepEqual(asked, [
    [5, 9, 8],
    [2, 9, 8],
  ]);
  const text = String((await grid[DISPLAY]())["text/plain"]);
  assert.match(text, /feature 5: 3 pictures, note 5\nfeature 2: 3 pictures, note 2/);
});
