/** Pictures on click as a person meets them: a page opened from a file, a point clicked by the mouse. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { inflateSync } from "node:zlib";
import { clickedPictures, DISPLAY, saveFigure, stopPictures } from "../lib/notebook";
import { scatterFigure } from "../lib/plot";
import { launchChromium, NO_CHROMIUM } from "./chromium";

const folder = mkdtempSync(join(tmpdir(), "vitrine-clicked-"));
after(() => {
  stopPictures();
  rmSync(folder, { recursive: true, force: true });
});

/** 600 plain pictures; the red of each says its number. */
const pictures = {
  pictureShape: [8, 8, 3] as const,
  record: (i: number) => ({ caption: `picture ${i} </script>` }),
  pictures: async (indices: ArrayLike<number>) =>
    Uint8Array.from({ length: 192 * indices.length }, (_, at) => {
      const picture = indices[Math.floor(at / 192)];
      return at % 3 === 0 ? 40 * Math.floor(picture / 100) : 20;
    }),
};
/** Feature 7 fires on 0, 1, 2, ...; feature 9 on 300, ...; feature 11 never. */
const top = {
  feature: (f: number) => ({
    rows: f === 11 ? [] : Array.from({ length: 300 }, (_, i) => (f === 9 ? 300 : 0) + i),
  }),
};

test("what does not fit is left out and said; pictures that features share are there once", async () => {
  const options = { pictures, top, count: 5, maxPictures: 7, note: (f: number) => `note ${f}` };
  const bundle = await clickedPictures({ ...options, features: [7, 8, 9, 11] })[DISPLAY]();
  assert.match(String(bundle["text/plain"]), /\(2 of 4 features have theirs in this page\)/);
  const html = String(bundle["text/html"]);
  const packed = /"texts":"([^"]+)"/.exec(html)?.[1] ?? "";
  const { features, notes, captions } = JSON.parse(String(inflateSync(Buffer.from(packed, "base64"))));
  assert.deepEqual(features, { 7: [0, 1, 2, 3, 4], 8: [0, 1, 2, 3, 4] });
  assert.deepEqual(notes, { 7: "note 7", 8: "note 8" });
  assert.equal(captions.length, 5);
  assert.equal(html.match(/<\/script>/g)?.length, 1, "nothing in the data ends the script");
  assert.throws(
    () => clickedPictures({ ...options, features: [7], count: 0 }),
    /count and maxPictures above 0, got 0 and 7/,
  );
});

test("a click on a point shows its feature's pictures, without a kernel", async (t) => {
  const browser = await launchChromium();
  if (!browser) return t.skip(NO_CHROMIUM);
  t.after(() => browser.close());
  const axis = { title: "value", unit: "1" };
  const figure = scatterFigure({
    title: "t",
    x: axis,
    y: axis,
    xs: [0, 1, 2],
    ys: [0, 1, 2],
    ids: [7, 9, 11],
    width: 600,
    height: 400,
  });
  const file = join(folder, "page.html");
  await saveFigure(figure, file);
  const place = await clickedPictures({
    pictures,
    top,
    features: [7, 9],
    count: 300,
    side: 16,
    note: (f) => `fires <often> ${f}`,
  })[DISPLAY]();
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace("</body>", () => `${place["text/html"]}</body>`),
  );
  const page = await browser.newPage();
  await page.goto(pathToFileURL(file).href);
  await page.locator(".vitrine-clicked[data-wired]").waitFor();
  const click = async (point: number) => {
    const box = await page.locator(".point").nth(point).boundingBox();
    assert.ok(box);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    // A click is on what is hovered: first nothing, so that it is not the point before.
    await page.mouse.move(0, 0);
    await page.locator(".hovertext").waitFor({ state: "detached" });
    await page.mouse.move(x - 3, y);
    await page.mouse.move(x, y);
    await page.locator(".hovertext").waitFor();
    await page.mouse.click(x, y);
  };
  await click(0);
  await page.locator('[data-feature="7"]').waitFor();
  await click(1);
  await page.locator('[data-feature="9"]', { hasText: "feature 9 fires <often> 9" }).waitFor();
  const tiles = page.locator(".vitrine-clicked span[title]");
  assert.equal(await tiles.count(), 300);
  assert.equal(await tiles.nth(299).getAttribute("title"), "picture 599 </script>");
  // The last tile lies in the third sheet; its colour is that of its picture.
  const shot = await tiles.nth(299).screenshot();
  const { default: sharp } = await import("sharp");
  const { channels } = await sharp(shot).extract({ left: 14, top: 14, width: 4, height: 4 }).stats();
  assert.ok(
    Math.abs(channels[0].mean - 200) < 25 && channels[1].mean < 60,
    `${channels.map(({ mean }) => mean)}`,
  );
  await click(2);
  await page.locator('[data-feature="11"]', { hasText: "not in this page" }).waitFor();
});
