import assert from "node:assert/strict";
import { test } from "node:test";
import { DISPLAY, type MimeBundle } from "./display";
import { isDataFrame, type TableOptions, table } from "./table";

async function bundleOf(rows: Parameters<typeof table>[0], options?: TableOptions): Promise<MimeBundle> {
  return table(rows, options)[DISPLAY]();
}

test("no value, column name or caption can bring HTML of its own", async () => {
  const bad = `<img src=x onerror="alert('1')">&amp;`;
  const html = String((await bundleOf([{ [bad]: bad }], { caption: bad }))["text/html"]);
  assert.equal(html.includes("<img"), false);
  assert.equal(html.split("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;").length, 4);
});

test("the text form is aligned, numbers to the right, with thousands and four significant digits", async () => {
  const rows = [
    { metric: "L0", value: 26.123456, published: 26 },
    { metric: "features", value: 65536, published: null },
  ];
  assert.equal(
    (await bundleOf(rows, { caption: "Run 1" }))["text/plain"],
    [
      "Run 1",
      "metric     value  published",
      "--------  ------  ---------",
      "L0         26.12         26",
      "features  65,536          –",
    ].join("\n"),
  );
});

test("formats, column choice and the row limit are followed", async () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({ i, share: i / 60, note: "x" }));
  const options: TableOptions = {
    columns: ["share", "i"],
    formats: { share: (v) => `${(100 * Number(v)).toFixed(1)}%` },
  };
  const text = String((await bundleOf(rows, { ...options, maxRows: 2 }))["text/plain"]);
  assert.equal(text, ["share  i", "-----  -", " 0.0%  0", " 1.7%  1", "… and 58 more rows"].join("\n"));
});

test("records with many fields stand beside each other, a row a field", async () => {
  const rows = [
    { SAE: "topk", L0: 32, share: 0.123456 },
    { SAE: "standard", L0: 40.5, share: null },
  ];
  assert.equal(
    (await bundleOf(rows, { across: "SAE" }))["text/plain"],
    [
      "SAE      topk  standard",
      "-----  ------  --------",
      "L0         32      40.5",
      "share  0.1235         –",
    ].join("\n"),
  );
  assert.throws(() => table(rows, { across: "name" }), /among SAE, L0, share, got "name"/);
});

test("an unknown column is refused with the known ones", () => {
  assert.throws(() => table([{ a: 1 }], { columns: ["b"] }), /among a, got "b"/);
});

test("a danfojs DataFrame is taken as it is", async () => {
  const frame = {
    columns: ["name", "entropy"],
    values: [
      ["cat", 0.5],
      ["dog", 1.25],
    ],
  };
  assert.ok(isDataFrame(frame));
  assert.equal(isDataFrame([{ columns: 1 }]), false);
  assert.match(String((await bundleOf(frame))["text/plain"]), /cat {7}0\.5\ndog {6}1\.25$/);
});
