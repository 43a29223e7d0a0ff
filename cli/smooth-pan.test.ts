/** Dragging very many points as a person does: a figure's page in a real browser, moved by the mouse. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { saveFigure } from "../lib/notebook";
import { scatterFigure } from "../lib/plot";
import { launchChromium, NO_CHROMIUM } from "./chromium";

const folder = mkdtempSync(join(tmpdir(), "vitrine-pan-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Look {
  /** Of the x axis. */
  range: [number, number];
  /** Of the axis, in pixels. */
  width: number;
  /** x of what is moved in the points' place; null while nothing is. */
  moved: number | null;
  /** Whether what WebGL drew is hidden. */
  hidden: boolean;
}

const look = (page: Page) =>
  page.evaluate<Look>(`(() => {
    const plot = document.querySelector(".js-plotly-plot");
    const moved = plot.querySelector(".vitrine-moved canvas");
    const { range, _length: width } = plot._fullLayout.xaxis;
    const hidden = plot.querySelector(".gl-canvas-context").style.visibility === "hidden";
    return { range: [...range], width, moved: moved && new DOMMatrix(getComputedStyle(moved).transform).e, hidden };
  })()`);

/** Each look at the clock costs a frame, so that every drawing takes longer than one on any machine; and the mouse never rests (150 ms), however long the test is kept waiting. */
const clock = `{
  let looks = 0;
  performance.now = () => 20 * looks++;
  const later = window.setTimeout;
  window.setTimeout = (task, ms) => (ms === 150 ? 0 : later(task, ms));
}`;

test("points that take longer than a frame to draw move with the axes while they are dragged, and are drawn anew at the end", async (t) => {
  const browser = await launchChromium();
  if (!browser) return t.skip(NO_CHROMIUM);
  t.after(() => browser.close());
  const axis = { title: "value", unit: "1" };
  const values = (of: (x: number) => number) => Float64Array.from({ length: 12_000 }, (_, i) => of(i));
  const figure = scatterFigure({ title: "t", x: axis, y: axis, xs: values(Math.sin), ys: values(Math.cos) });
  const file = join(folder, "points.html");
  await saveFigure({ ...figure, layout: { ...figure.layout, dragmode: "pan" } } as typeof figure, file);
  const page = await browser.newPage();
  await page.addInitScript(clock);
  await page.goto(pathToFileURL(file).href);
  const area = await page.locator(".nsewdrag").first().boundingBox();
  assert.ok(area);
  const [x, y] = [area.x + area.width / 2, area.y + area.height / 2];
  const before = await look(page);
  assert.equal(before.moved, null);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 20, y);
  await page.locator(".vitrine-moved").waitFor({ state: "attached" });
  const first = await look(page);
  await page.mouse.move(x + 90, y);
  const during = await look(page);
  assert.ok(during.hidden, "what WebGL drew is not shown twice");
  const perPixel = (during.range[1] - during.range[0]) / during.width;
  const dragged = (first.range[0] - during.range[0]) / perPixel;
  assert.ok(Math.abs(dragged - 70) < 1, `the axis followed by ${dragged} pixels`);
  assert.ok(Math.abs((during.moved ?? 0) - (first.moved ?? 0) - 70) < 1, `the points by ${during.moved}`);
  await page.mouse.up();
  await page.locator(".vitrine-moved").waitFor({ state: "detached" });
  const end = await look(page);
  assert.ok(!end.hidden);
  assert.ok(
    Math.abs((before.range[0] - end.range[0]) / perPixel - 90) < 1,
    `${before.range} to ${end.range}`,
  );
});
