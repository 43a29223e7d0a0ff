import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import { featureClusters, lineFigure, type PlotlyFigure, SEQUENTIAL } from "../plot";
import { DISPLAY, DISPLAY_METADATA } from "./display";
import { imageGrid } from "./image";
import { makePicture, type RawPicture, stopPictures } from "./pictures";
import { parseColour } from "./raster";
import { stillFigure } from "./still-figure";

after(stopPictures);

interface Pixels {
  width: number;
  height: number;
  at(x: number, y: number): number[];
  /** Pixels within a distance of 12 a channel of a colour, inside a part of the picture. */
  count(colour: string, part?: Part): number;
  /** Pixels of any colour that is far from grey. */
  countVivid(part?: Part): number;
}

/** Left, top, right, bottom as shares of the sides. */
type Part = [number, number, number, number];
const WHOLE: Part = [0, 0, 1, 1];

async function decode(png: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const at = (x: number, y: number) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
  type Wanted = (red: number, green: number, blue: number) => boolean;
  const countWhere = ([left, top, right, bottom]: Part, wanted: Wanted) => {
    let found = 0;
    for (let y = Math.floor(top * height); y < Math.floor(bottom * height); y++)
      for (let x = Math.floor(left * width); x < Math.floor(right * width); x++) {
        const i = 3 * (y * width + x);
        if (wanted(data[i], data[i + 1], data[i + 2])) found++;
      }
    return found;
  };
  return {
    width,
    height,
    at,
    count(colour, part = WHOLE) {
      const [red, green, blue] = parseColour(colour);
      const near = (a: number, b: number) => Math.abs(a - b) <= 12;
      return countWhere(part, (r, g, b) => near(r, red) && near(g, green) && near(b, blue));
    },
    countVivid: (part = WHOLE) => countWhere(part, (r, g, b) => Math.max(r, g, b) - Math.min(r, g, b) > 40),
  };
}

/** The colours in which a figure's marks must show, on white; those of a colour scale vary and are left out. */
function markColours({ data }: PlotlyFigure): string[] {
  return data.flatMap((trace) => {
    if (trace.type === "heatmap") return ["#c4501b"];
    const { color, opacity = 1 } = trace.marker ?? {};
    const solid = trace.type === "scatter" && trace.line?.color ? trace.line.color : color;
    if (typeof solid !== "string") return [];
    const onWhite = parseColour(solid)
      .slice(0, 3)
      .map((v) => Math.round(v * opacity + 255 * (1 - opacity)));
    return [`rgb(${onWhite.join(",")})`];
  });
}

const folder = join(__dirname, "..", "plot", "fixtures");
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json")))
  test(`the still picture of ${file} has the title, axis titles, ticks and marks of the figure`, async () => {
    const figure: PlotlyFigure = JSON.parse(readFileSync(join(folder, file), "utf8"));
    const { bytes: png, svg = "" } = await makePicture({
      kind: "figure",
      figure,
      format: "png",
      scale: 2,
      withSvg: true,
    });
    const text = svg.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
    const words = (markup: string) =>
      markup
        .replace(/<[^>]*>/g, " ")
        .trim()
        .split(/\s+/);
    const { title, xaxis } = figure.layout;
    for (const word of [...words(title?.text ?? ""), ...words(title?.subtitle?.text ?? "")])
      assert.ok(text.includes(word), `"${word}" of the title is not in the picture`);
    for (const [key, axis] of Object.entries(figure.layout))
      if (/^[xy]axis/.test(key))
        for (const word of words((axis as typeof xaxis).title?.text ?? ""))
          assert.ok(text.includes(word), `"${word}" of ${key}`);
    assert.ok((svg.match(/class="[xy]\d*tick/g) ?? []).length >= 5, "fewer than five tick labels");
    const pixels = await decode(png);
    assert.deepEqual([pixels.width, pixels.height], [2 * figure.layout.width, 2 * figure.layout.height]);
    for (const colour of markColours(figure)) {
      const found = pixels.count(colour, [0.06, 0.12, 0.97, 0.95]);
      assert.ok(found > 300, `only ${found} pixels of ${colour} in ${file}`);
    }
    const vivid = pixels.countVivid([0.06, 0.12, 0.88, 0.95]);
    assert.ok(vivid > 1000, `only ${vivid} coloured pixels in ${file}`);
    assert.ok(pixels.count("#2b3037") > 200, "no text in the picture's dark ink");
    assert.ok(png.length < 150 * 1024, `${file} takes ${png.length} bytes`);
    const still = await makePicture({ kind: "figure", figure, format: "jpeg", scale: 2 });
    assert.ok(still.bytes.length < 200 * 1024, `${file} takes ${still.bytes.length} bytes as JPEG`);
    assert.ok((await decode(still.bytes)).countVivid([0.06, 0.12, 0.88, 0.95]) > 0.8 * vivid);
  });

test("all points of a large scatter are in its still picture, in their colours and at their places", async () => {
  // A dense square of known corners, the left half without a colour value.
  const side = 320;
  const x = Float64Array.from({ length: side * side }, (_, i) => i % side);
  const y = Float64Array.from({ length: side * side }, (_, i) => Math.floor(i / side));
  const labelEntropy = x.map((v) => (v < side / 2 ? Number.NaN : v === side - 1 ? 1 : 0));
  const figure = featureClusters({ log10Sparsity: x, log10MeanActivation: y, labelEntropy, title: "t" });
  const { bytes: png, svg = "" } = await makePicture({
    kind: "figure",
    figure,
    format: "png",
    scale: 1,
    withSvg: true,
  });
  const pixels = await decode(png);
  const { margin, width, height, xaxis, yaxis } = figure.layout;
  const across = (share: number) =>
    (margin.l + share * (xaxis.domain?.[1] ?? 1) * (width - margin.l - margin.r)) / width;
  const down = (share: number) =>
    1 - (margin.b + share * (yaxis.domain?.[1] ?? 1) * (height - margin.t - margin.b)) / height;
  const left: Part = [across(0.08), down(0.92), across(0.45), down(0.08)];
  const right: Part = [across(0.55), down(0.92), across(0.9), down(0.08)];
  const share = (colour: string, part: Part) =>
    pixels.count(colour, part) / ((part[2] - part[0]) * width * (part[3] - part[1]) * height);
  assert.ok(share(SEQUENTIAL[0][1], right) > 0.5, "the right half does not have the lowest colour");
  assert.equal(share(SEQUENTIAL[0][1], left), 0);
  assert.ok(pixels.count("#ffffff", left) < 0.1 * pixels.count("#ffffff"), "the left half is empty");
  assert.match(svg, /label entropy/, "the colour bar has no title");
});

test("a still has room for the few points that stay markers beside a cloud that does not", () => {
  const n = 1500;
  const far = (i: number) => (i === 0 ? -9 : i / n);
  const figure = featureClusters({
    log10Sparsity: Float64Array.from({ length: n }, (_, i) => far(i)),
    log10MeanActivation: Float64Array.from({ length: n }, (_, i) => far(i)),
    labelEntropy: Float64Array.from({ length: n }, (_, i) => (i === 0 ? Number.NaN : 1)),
    title: "t",
  });
  const { layout } = stillFigure(figure, 1);
  for (const { range } of [layout.xaxis, layout.yaxis]) {
    assert.ok(range && range[0] < -9 && range[1] > 0.99, `${range}`);
  }
});

test("text in pictures is drawn in a font that the project brings, in its true width", async () => {
  const axis = { title: "m", unit: "s" };
  const figure = lineFigure({
    title: "MMMMMMMMMM",
    x: axis,
    y: axis,
    series: [{ name: "a", x: [0, 1], y: [0, 1] }],
  });
  const pixels = await decode((await makePicture({ kind: "figure", figure, format: "png", scale: 1 })).bytes);
  let right = 0;
  for (let x = 0; x < pixels.width; x++)
    for (let y = 10; y < 35; y++) if (pixels.at(x, y)[0] < 120) right = Math.max(right, x);
  // Ten M of Inter SemiBold at 17 px: 0.907 em each.
  assert.ok(Math.abs(right - figure.layout.margin.l - 10 * 17 * 0.907) < 12, `title ends at ${right}`);
});

test("a figure that Plotly cannot draw is an error that says so, and the next picture still comes", async () => {
  const axis = { title: "m", unit: "s" };
  const figure = lineFigure({ title: "t", x: axis, y: axis, series: [{ name: "a", x: [0, 1], y: [0, 1] }] });
  const broken = { data: figure.data } as PlotlyFigure;
  await assert.rejects(
    makePicture({ kind: "figure", figure: broken, format: "png", scale: 1 }),
    /the figure picture failed/,
  );
  assert.ok((await makePicture({ kind: "figure", figure, format: "png", scale: 1 })).bytes.length > 1000);
});

test("pictures that were asked for when the process ended are errors, and a new process takes over", async () => {
  const picture: RawPicture = { data: new Uint8Array(12).fill(200), width: 2, height: 2 };
  // Large, so that it is not done before the process ends.
  const lost = makePicture({ kind: "raw", picture, width: 4000, height: 4000 });
  stopPictures();
  await assert.rejects(lost, /the picture process ended/);
  const { bytes: png } = await makePicture({ kind: "raw", picture, width: 4, height: 4 });
  assert.deepEqual((await decode(png)).at(3, 3), [200, 200, 200]);
});

test("an image grid has each picture at its place, in its colour, and its labels in between", async () => {
  const plain = (r: number, g: number, b: number): RawPicture => ({
    data: Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => [r, g, b][i % 3]),
    width: 4,
    height: 4,
  });
  const grid = imageGrid(
    [
      { title: "feature 1", pictures: [plain(255, 0, 0), plain(0, 255, 0)] },
      { title: "feature <2>", note: "a & b", pictures: [plain(0, 0, 255)], captions: ["blue"] },
    ],
    { cell: 40, gap: 10, scale: 1 },
  );
  const bundle = await grid[DISPLAY]();
  const pixels = await decode(Buffer.from(String(bundle["image/png"]), "base64"));
  const size = { width: pixels.width, height: pixels.height };
  assert.deepEqual(grid[DISPLAY_METADATA], { "image/png": size, "image/jpeg": size });
  assert.equal(pixels.width, 12 + 40 + 10 + 40 + 12);
  // Title line of 20 px, then the first row of pictures; the second title stands below it.
  assert.deepEqual(pixels.at(12 + 20, 32 + 20), [255, 0, 0]);
  assert.deepEqual(pixels.at(12 + 50 + 20, 32 + 20), [0, 255, 0]);
  assert.equal(pixels.count("#0000ff"), 40 * 40);
  assert.deepEqual(pixels.at(12 + 44, 32 + 20), [255, 255, 255]);
  assert.ok(pixels.count("#2b3037") > 20, "no titles");
  assert.ok(pixels.count("#6b7280") > 5, "no caption or note");
  assert.equal(bundle["text/plain"], "feature 1: 2 pictures\nfeature <2>: 1 pictures, a & b");
});

test("a grid of photographs comes as JPEG, which is smaller", async () => {
  const data = Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => 128 + 127 * Math.sin(i * i));
  const picture = { data, width: 48, height: 48 };
  const bundle = await imageGrid([{ title: "noise", pictures: [picture, picture] }], { cell: 96 })[DISPLAY]();
  assert.equal(bundle["image/png"], undefined);
  const { width, height } = await decode(Buffer.from(String(bundle["image/jpeg"]), "base64"));
  assert.deepEqual([width, height], [2 * (24 + 2 * 96 + 4), 2 * 144]);
});

test("a picture whose bytes do not fit its size is refused", () => {
  const picture = { data: new Uint8Array(5), width: 2, height: 2 };
  assert.throws(
    () => imageGrid([{ title: "feature 1", pictures: [picture] }]),
    /expected 12 bytes for 2 x 2 x 3, got 5/,
  );
});
