/** Widgets as a person meets them: a slider dragged by the mouse in JupyterLab, a figure that follows it, and a point clicked in one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { NO_CHROMIUM } from "./chromium";
import { LabBrowser, MINUTE, notebookOf } from "./lab-browser";

const demo = `import { interact, widgets } from "../lib/notebook";
import { lineFigure } from "../lib/plot";
const x = Array.from({ length: 100 }, (_, i) => i / 10);
const demo = interact({ k: [0, 20], raised: false, shape: ["sine", "cosine"] }, ({ k, raised, shape }) => {
  console.log("run with k", k);
  const y = x.map((t) => (shape === "sine" ? Math.sin : Math.cos)(k * t) + (raised ? 5 : 0));
  return lineFigure({ title: \`\${shape} \${k} \${raised}\`, x: { title: "t", unit: "s" }, y: { title: "y", unit: "m" }, series: [{ name: "y", x, y }] });
});
demo`;
const buttons = `let presses = 0;
const press = widgets.button({ description: "Press" });
const place = widgets.output();
press.onClick(() => place.capture(() => { presses += 1; console.log("pressed", presses); }, { append: true }));
widgets.vbox([press, place])`;
const setting = `demo.controls.k.value = 3;`;

const clicking = `import { clickedPictures, show } from "../lib/notebook";
import { scatterFigure } from "../lib/plot";
const axis = { title: "value", unit: "1" };
await show(scatterFigure({ title: "points", x: axis, y: axis, xs: [0, 1, 2], ys: [0, 1, 2], ids: [7, 8, 9] }));
await show(clickedPictures({
  pictures: { pictureShape: [8, 8, 3], record: (i) => ({ caption: "picture " + i }), pictures: async (rows) => new Uint8Array(192 * rows.length).fill(99) },
  top: { feature: (f) => ({ rows: [f, f + 1] }) },
  features: [7, 8, 9],
}));`;

let lab: LabBrowser | undefined;
before(async () => {
  lab = await LabBrowser.start();
});
after(() => lab?.close());

test("a dragged slider, a checkbox, a dropdown and a button run code that draws anew; a cell moves the slider; a reload changes nothing", async (t) => {
  if (!lab) {
    t.skip(NO_CHROMIUM);
    return;
  }
  await lab.show("widgets", notebookOf(demo, buttons, setting), useWidgets);
});

test("a click on a point of a figure in JupyterLab shows its feature's pictures under it", async (t) => {
  if (!lab) {
    t.skip(NO_CHROMIUM);
    return;
  }
  await lab.show("clicking", notebookOf(clicking), async (page) => {
    await page.locator(".jp-CodeCell").nth(0).locator(".cm-content").click();
    await page.keyboard.press("Shift+Enter");
    await page.locator(".vitrine-clicked[data-wired]").waitFor({ timeout: 2 * MINUTE });
    // The figure is drawn once more when its still picture is there.
    await page.getByText("TypeScript (Vitrine) | Idle").waitFor({ timeout: MINUTE });
    const tiles = page.locator(".vitrine-clicked span[title]");
    for (let tries = 0; (await tiles.count()) === 0 && tries < 60; tries++) {
      const box = await page.locator(".js-plotly-plot .point").nth(1).boundingBox();
      assert.ok(box);
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      await page.mouse.move(x - 3, y);
      await page.mouse.move(x, y);
      await page.waitForTimeout(500);
      await page.mouse.click(x, y);
      await page.waitForTimeout(500);
    }
    const captions = await tiles.evaluateAll((spans) => spans.map((span) => span.getAttribute("title")));
    assert.deepEqual(captions, ["picture 8", "picture 9"]);
    await page.locator(".vitrine-clicked", { hasText: "feature 8" }).waitFor();
  });
});

async function useWidgets(page: Page): Promise<void> {
  const runs = page.locator(".jp-OutputArea-output pre", { hasText: "run with k" }).last();
  const line = () => page.locator(".js-plotly-plot path.js-line").first().getAttribute("d");
  const titled = async (title: string) => {
    await page.locator(".js-plotly-plot .gtitle", { hasText: title }).first().waitFor({ timeout: MINUTE });
    return line();
  };
  await page.locator(".jp-CodeCell").nth(0).locator(".cm-content").click();
  await page.keyboard.press("Shift+Enter");
  const first = await titled("sine 10 false");
  await page.keyboard.press("Shift+Enter");
  await page.getByRole("button", { name: "Press" }).waitFor({ timeout: MINUTE });

  const k = await drag(page, 60);
  assert.ok(k > 10 && k <= 20, `a slider to the right of 10, got ${k}`);
  const dragged = await titled(`sine ${k} false`);
  assert.notEqual(dragged, first);
  await runs.getByText(`run with k ${k}`).waitFor();

  await page.locator(".widget-checkbox input").check();
  await titled(`sine ${k} true`);
  await page.locator(".widget-dropdown select").selectOption("cosine");
  const chosen = await titled(`cosine ${k} true`);
  assert.notEqual(chosen, dragged);

  const press = page.getByRole("button", { name: "Press" });
  await press.click();
  await press.click();
  await page.locator("pre", { hasText: "pressed 2" }).waitFor({ timeout: MINUTE });

  await page.locator(".jp-CodeCell").nth(2).locator(".cm-content").click();
  await page.keyboard.press("Shift+Enter");
  await titled("cosine 3 true");
  assert.equal(await readout(page), 3);

  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+s");
  await page.locator(".jp-mod-dirty").first().waitFor({ state: "hidden", timeout: MINUTE });
  await page.reload();
  await titled("cosine 3 true");
  await page.locator("pre", { hasText: "pressed 2" }).waitFor({ timeout: MINUTE });
  const again = await drag(page, 100);
  assert.ok(again > 3, `a slider to the right of 3, got ${again}`);
  await titled(`cosine ${again} true`);
  assert.equal(await page.locator('.jp-OutputArea-output[data-mime-type*="error"]').count(), 0);
}

/** Drags the first slider to the right by so many pixels, as a hand does; gives the number beside it. */
async function drag(page: Page, by: number): Promise<number> {
  const handle = page.locator(".widget-hslider .noUi-handle").first();
  await handle.scrollIntoViewIfNeeded();
  const box = await handle.boundingBox();
  assert.ok(box, "the slider is seen");
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (let step = 1; step <= 6; step++) {
    await page.mouse.move(x + (by * step) / 6, y);
    await page.waitForTimeout(30);
  }
  await page.mouse.up();
  return readout(page);
}

async function readout(page: Page): Promise<number> {
  return Number(await page.locator(".widget-hslider .widget-readout").first().textContent());
}
