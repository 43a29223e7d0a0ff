import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { launchChromium, NO_CHROMIUM } from "../../cli/chromium";
import { HOSTILE, reducedWorld } from "../studies/reduced-world";
import { buildPage } from "./build-page";
import { sharePage } from "./share-page";

const root = mkdtempSync(join(tmpdir(), "explorer-share-"));
const folder = join(root, "page");
const file = join(root, "alone", "features.html");

before(async () => {
  const made = { data: new Uint8Array(16 * 16 * 3).fill(90), width: 16, height: 16 };
  await buildPage(folder, { ...reducedWorld(), made: new Map([[7, made]]) }, { chunk: 128 });
});
after(() => rmSync(root, { recursive: true, force: true }));

test("a file holds the chosen features whole, opens alone, and asks for nothing", async (t) => {
  await sharePage(folder, [200, 7, 7], file);
  assert.ok(readFileSync(file).length < 600_000);
  const browser = await launchChromium();
  if (!browser) return t.skip(NO_CHROMIUM);
  t.after(() => browser.close());
  const page = await browser.newPage();
  const [requests, errors] = [[] as string[], [] as string[]];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => errors.push(message.text()));
  await page.goto(`${pathToFileURL(file).href}#feature=200`);
  await page.locator("h2", { hasText: "Feature 200" }).waitFor();
  assert.deepEqual(await page.locator(".row b").allTextContents(), ["7", "200"]);
  assert.equal(await page.locator("#tabs a").count(), 0);
  // Feature 200's strongest picture is row 200 mod 120, the grey 2 · 80.
  const tile = page.locator("#feature .pictures .tile").first();
  await page.evaluate('document.querySelector("#feature .pictures img").decode()');
  const shot = sharp(await tile.screenshot()).extract({ left: 44, top: 44, width: 1, height: 1 });
  const [grey] = await shot.raw().toBuffer();
  assert.ok(Math.abs(grey - 160) <= 8, `grey 160, got ${grey}`);
  await page.getByRole("img", { name: /^Histogram/ }).waitFor();
  await page.getByLabel("Heatmaps").check();
  assert.equal(await page.locator(".heatmap:visible").count(), 6, "two strongest pictures and four samples");
  // A neighbour that is not in the file says so.
  await page.locator(".neighbours a").first().click();
  await page.getByText("This file does not hold this feature.").waitFor();
  await page.goBack();
  await page.keyboard.press("k");
  await page.locator("h2", { hasText: "Feature 7" }).waitFor();
  await page.getByRole("img", { name: "Picture made to activate feature 7" }).waitFor();
  assert.equal(await page.title(), `reduced ${HOSTILE}: features`);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    requests.filter((url) => !url.startsWith("data:image/webp") && !url.startsWith(pathToFileURL(file).href)),
    [],
  );
});

test("features that the page does not have, and folders that are none, are refused", async () => {
  const other = join(root, "other.html");
  await assert.rejects(sharePage(folder, [300], other), /share: expected features from 0 to 299, got 300/);
  await assert.rejects(sharePage(folder, [], other), /got none \(do: --features 1,2,3\)/);
  await assert.rejects(
    sharePage(root, [1], other),
    /share: expected a page in .*\(do: npx vitrine explore\)/,
  );
  assert.ok(!existsSync(other));
});
