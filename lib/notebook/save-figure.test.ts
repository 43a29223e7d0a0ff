import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import { figureCsv, lineFigure, type PlotlyFigure } from "../plot";
import { stopPictures } from "./pictures";
import { saveFigure } from "./save-figure";

const folder = mkdtempSync(join(tmpdir(), "vitrine-figures-"));
after(() => {
  stopPictures();
  rmSync(folder, { recursive: true, force: true });
});

const figure = lineFigure({
  title: "Loss </script> & <b>more</b>",
  x: { title: "step", unit: "1" },
  y: { title: "loss", unit: "nats" },
  series: [{ name: "</script>mse", x: [1, 2, 3], y: [3, 2, 1] }],
  width: 400,
  height: 300,
});

/** The colour of the corner and the lightest and darkest values of a picture. */
async function look(name: string) {
  const { data, info } = await sharp(join(folder, name))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    ...info,
    corner: [...data.subarray(0, 3)],
    low: data.reduce((a, b) => Math.min(a, b)),
    high: data.reduce((a, b) => Math.max(a, b)),
  };
}

test("PNG and SVG are written at their scale and on the theme's background, into folders that are made", async () => {
  await saveFigure(figure, join(folder, "a/light.png"));
  await saveFigure(figure, join(folder, "a/dark.PNG"), { theme: "dark", scale: 1 });
  await saveFigure(figure, join(folder, "a/dark.svg"), { theme: "dark" });
  assert.deepEqual(readdirSync(join(folder, "a")).sort(), ["dark.PNG", "dark.svg", "light.png"]);
  const light = await look("a/light.png");
  assert.deepEqual([light.width, light.height, light.corner], [1200, 900, [255, 255, 255]]);
  assert.ok(light.low < 0x50, "dark text");
  const dark = await look("a/dark.PNG");
  assert.deepEqual([dark.width, dark.height, dark.corner], [400, 300, [0x11, 0x11, 0x11]]);
  assert.ok(dark.high > 0xb0, "light text");
  const svg = readFileSync(join(folder, "a/dark.svg"), "utf8");
  assert.match(svg, /^<svg[^>]* width="400" height="300"/);
  assert.match(svg, /loss \(nats\)/);
  assert.match(svg, /rgb\(217, 221, 227\)/);
});

test("HTML is one page with Plotly and the figure in it, and nothing from elsewhere", async () => {
  await saveFigure(figure, join(folder, "page.html"));
  const page = readFileSync(join(folder, "page.html"), "utf8");
  assert.ok(page.length > 1e6 && page.length < 8e6, `${page.length}`);
  assert.doesNotMatch(page.slice(0, 2000) + page.slice(-4000), /<(script|link|img)[^>]*(src|href)=/);
  assert.equal(page.match(/<\/script>/g)?.length, 2, "nothing in the data ends a script");
  assert.match(page, /"y":\[3,2,1\]/);
  assert.match(page, /<title>Loss {2}&amp; more<\/title>/);
});

test("CSV is the figure's data", async () => {
  await saveFigure(figure, join(folder, "data.csv"), { theme: "dark" });
  assert.equal(readFileSync(join(folder, "data.csv"), "utf8"), figureCsv(figure));
});

test("every kind of figure is written in every format, its title and marks in it", async () => {
  const fixtures = join(__dirname, "..", "plot", "fixtures");
  const names = readdirSync(fixtures).filter((name) => name.endsWith(".json"));
  assert.ok(names.length >= 10, `${names}`);
  for (const name of names) {
    const kind: PlotlyFigure = JSON.parse(readFileSync(join(fixtures, name), "utf8"));
    const file = join(folder, "kinds", name);
    for (const ending of ["png", "svg", "html", "csv"])
      await saveFigure(kind, `${file}.${ending}`, { scale: 1 });
    const { width, height, low, high } = await look(`kinds/${name}.png`);
    assert.deepEqual([width, height], [kind.layout.width, kind.layout.height], name);
    assert.ok(low < 0x80 && high === 255, `${name}: ink on white, ${low} to ${high}`);
    const svg = readFileSync(`${file}.svg`, "utf8");
    const word = (kind.layout.title?.text ?? "").replace(/<[^>]*>/g, "").split(" ")[0];
    assert.ok(word.length > 0 && svg.includes(word), `${name}: the title "${word}"`);
    assert.match(svg, /class="(point|points|js-line|trace|hm|layer-above|imagelayer)/, name);
    assert.ok(readFileSync(`${file}.html`, "utf8").includes(JSON.stringify(kind.data[0].type)), name);
    const rows = readFileSync(`${file}.csv`, "utf8").trimEnd().split("\n");
    assert.ok(rows.length > 2, `${name}: ${rows.length} lines`);
    const commas = rows.map((row) => row.replace(/"[^"]*"/g, "").split(",").length);
    assert.equal(new Set(commas).size, 1, `${name}: as many fields in every row`);
  }
});

test("another ending and a wrong scale are refused, and nothing is written", async () => {
  await assert.rejects(
    saveFigure(figure, join(folder, "x.pdf")),
    /saveFigure: expected a name that ends with .png, .svg, .html, .csv, got ".*x\.pdf" \(choose one\)/,
  );
  await assert.rejects(
    saveFigure(figure, join(folder, "x.png"), { scale: 0 }),
    /a scale between 0 and 20, got 0/,
  );
  assert.ok(!readdirSync(folder).some((name) => name.startsWith("x")));
});
