/** The page as a person meets it: opened from its folder in a real browser. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { buildPage } from "./build-page";
import { HOSTILE, reducedWorld } from "./reduced-world";

const root = mkdtempSync(join(tmpdir(), "explorer-page-"));
let browser: Browser | undefined;

before(async () => {
  const { findBrowser } = await import("../cli/browser.mjs");
  const executablePath = findBrowser();
  if (!executablePath) return;
  await buildPage(root, reducedWorld(), { chunk: 128 });
  browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu"],
    timeout: 60_000,
  });
});
after(async () => {
  await browser?.close();
  rmSync(root, { recursive: true, force: true });
});

/** Opens the page and fails if any request leaves the folder or any script fails; skipped without a browser. */
async function meet(t: TestContext, hash: string, use: (page: Page) => Promise<void>, width = 1200) {
  if (!browser)
    return t.skip("no Chromium found (install chromium, or set VITRINE_CHROMIUM to a browser's path)");
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  page.setDefaultTimeout(60_000);
  const [requests, errors] = [[] as string[], [] as string[]];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => errors.push(message.text()));
  await page.goto(pathToFileURL(join(root, "index.html")).href + hash);
  await page.locator("#title", { hasText: "reduced" }).waitFor({ state: "attached" });
  await use(page);
  const folder = pathToFileURL(root).href;
  assert.ok(requests.some((url) => url.startsWith(`${folder}/sprites/`)));
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(`${folder}/`)),
    [],
  );
  assert.deepEqual(errors, []);
  await page.close();
}

const opened = (page: Page, feature: number) =>
  page.locator("h2", { hasText: `Feature ${feature}` }).waitFor();
/** The list as it stands, once `feature` is its first. */
async function firstRows(page: Page, feature: number): Promise<number[]> {
  await page.locator(`.row:first-child[data-feature="${feature}"]`).waitFor();
  return (await page.locator(".row b").allTextContents()).slice(0, 3).map(Number);
}

test("features are sorted, opened, walked through by keys, and back is back", async (t) => {
  await meet(t, "", async (page) => {
    assert.deepEqual(await firstRows(page, 0), [0, 1, 2]);
    assert.ok((await page.locator(".row").count()) < 40, "only the rows that are seen are in the document");
    await page.selectOption("select", "density");
    assert.deepEqual(await firstRows(page, 298), [298, 297, 296]);
    await page.locator('.row[data-feature="297"]').click();
    await opened(page, 297);
    assert.match(page.url(), /#feature=297&sort=density$/);
    assert.deepEqual(await page.locator(".pictures b").allTextContents(), ["9.00", "8.00", "7.00", "6.00"]);
    assert.match((await page.locator(".neighbours li").first().textContent()) ?? "", /^298.*0\.900$/);
    await page.keyboard.press("j");
    await opened(page, 296);
    await page.keyboard.press("ArrowUp");
    await opened(page, 297);
    await page.goBack();
    await opened(page, 296);
    await page.keyboard.press("Escape");
    await page.locator("h2").waitFor({ state: "detached" });
    for (let i = 0; i < 3; i++) await page.goBack();
    assert.match(page.url(), /#sort=density$/);
    await page.goBack();
    assert.deepEqual(await firstRows(page, 0), [0, 1, 2]);
  });
});

test("a word filters, the map selects by dragging and opens by a click", async (t) => {
  await meet(t, "", async (page) => {
    await page.locator("input").fill("dog");
    await page.locator(".count", { hasText: "99 of 300" }).waitFor();
    assert.deepEqual(await firstRows(page, 2), [2, 5, 8]);
    await page.locator("input").fill("");
    const box = (await page.locator("canvas").boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.7, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + box.height - 60, { steps: 4 });
    await page.mouse.up();
    const listed = Number.parseInt((await page.locator(".count").textContent()) ?? "", 10);
    assert.ok(listed > 10 && listed < 290, `a part of the features, got ${listed}`);
    assert.match(page.url(), /box=/);
    const address = page.url();
    await page.locator(".chip").click();
    await page.locator(".count", { hasText: "300 of 300" }).waitFor();
    await page.goBack();
    assert.equal(page.url(), address);
    await page.locator(".count", { hasText: `${listed} of 300` }).waitFor();
  });
});

test("hostile names stay text, and a feature that never fires says so", async (t) => {
  await meet(t, "#feature=1", async (page) => {
    await opened(page, 1);
    assert.equal(await page.locator("h2 small").textContent(), HOSTILE);
    assert.equal(await page.locator("#title").textContent(), `reduced ${HOSTILE}`);
    assert.equal(await page.locator('img[src^="https"]').count(), 0);
    assert.equal(await page.title(), `reduced ${HOSTILE}: features`);
    await page.locator("input").fill("299");
    await page.locator('.row[data-feature="299"]').click();
    await page.getByText("It fires on none of the 120 pictures.").waitFor();
  });
});

test("on a phone a feature takes the page's place and nothing is wider than it", async (t) => {
  await meet(
    t,
    "#feature=4",
    async (page) => {
      await opened(page, 4);
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
      await page.locator("canvas").waitFor({ state: "hidden" });
      await page.getByRole("button", { name: "All features" }).click();
      await page.locator("canvas").waitFor();
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
    },
    390,
  );
});
