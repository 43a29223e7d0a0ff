/** Pictures, words and the game as a person meets them in a real browser, with a live server of the shipped model and from the folder alone. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { launchChromium, NO_CHROMIUM } from "../../cli/chromium";
import { encodePng } from "../../lib/io";
import { type ExplorerStudy, makePage, serveLive } from "../explore";
import { smallStudy } from "../studies/small-study";
import type { PageServer } from "./server";

const root = mkdtempSync(join(tmpdir(), "explorer-live-page-"));
/** A picture of the data set that the page has no reason to know. */
const OTHER = 20_000;
let browser: Browser | undefined;
let study: ExplorerStudy;
let server: PageServer;
let other: Buffer;

before(async () => {
  browser = await launchChromium();
  if (!browser) return;
  study = await smallStudy();
  await makePage(root, study, { heatmaps: 0, tested: 0 });
  server = await serveLive(root, study);
  const { data, width, height } = await study.pictures.original(OTHER);
  other = await encodePng({ data, width, height, channels: 3 });
});
after(async () => {
  await browser?.close();
  await server?.close();
  study?.dispose();
  rmSync(root, { recursive: true, force: true });
});

interface Meeting {
  hash: string;
  /** Default true; false opens the folder's own file. */
  live?: boolean;
  width?: number;
  /** What the console may say. */
  allowed?: RegExp;
}

/** Opens the page; fails if a request leaves it, a script fails, or it gets wider than the window. */
async function meet(t: TestContext, meeting: Meeting, use: (page: Page) => Promise<void>) {
  if (!browser) return t.skip(NO_CHROMIUM);
  const { hash, live = true, width = 1200, allowed = /^$/ } = meeting;
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.setDefaultTimeout(60_000);
  const home = live ? server.url : `${pathToFileURL(root).href}/`;
  const [requests, errors] = [[] as string[], [] as string[]];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (!allowed.test(message.text())) errors.push(message.text());
  });
  await page.goto(`${home}index.html${hash}`);
  await page.locator("#title", { hasText: "emoji-sae" }).waitFor({ state: "attached" });
  await use(page);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(home) && !url.startsWith("data:image/png;base64,")),
    [],
  );
  assert.deepEqual(errors, []);
  await page.close();
}

const firing = (page: Page) => page.locator(".firing li");
const percents = async (page: Page, answer: number) =>
  (await page.locator(`.answers li .answer-${answer} span`).allTextContents()).map(Number.parseFloat);

async function choose(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.locator('input[type="file"]').setInputFiles({ name, mimeType: "image/png", buffer });
}

test("a chosen picture's features are ranked with heatmaps, and ablating them moves the model's answer", async (t) => {
  await meet(t, { hash: "#view=picture" }, async (page) => {
    await choose(page, "other.png", other);
    await firing(page).first().waitFor();
    const values = (await page.locator(".firing .meter span").allTextContents()).map(Number);
    assert.ok(values.length > 5);
    assert.deepEqual(
      values,
      [...values].sort((a, b) => b - a),
    );
    const [model, spliced] = [await percents(page, 0), await percents(page, 1)];
    assert.equal(model.length, 5);
    assert.deepEqual(
      model,
      [...model].sort((a, b) => b - a),
    );
    assert.equal(spliced.length, 5);

    // Where it fires the veil is thin, elsewhere it is not.
    await firing(page).nth(1).hover();
    await page
      .getByText(/^Feature \d+: activation lost when a place is covered, dark 0% to clear \d+%$/)
      .waitFor();
    const alphas = await page.evaluate<number[]>(`(() => {
      const canvas = document.querySelector(".seen canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return [...data].filter((_, i) => i % 4 === 3);
    })()`);
    assert.equal(alphas.length, 36);
    assert.ok(Math.min(...alphas) === 0 && Math.max(...alphas) > 100, String(alphas));

    // By the keyboard: the strongest feature to nothing.
    const slider = page.getByRole("slider").first();
    await slider.focus();
    await page.keyboard.press("Home");
    await page.locator(".answers .answer-2").first().waitFor();
    assert.equal(await firing(page).first().locator("output").textContent(), "×0.0");
    const ablated = await percents(page, 2);
    const before = await percents(page, 0);
    assert.ok(
      ablated.some((value, i) => Math.abs(value - before[i]) > 0.1),
      `${before} and ${ablated}`,
    );
    await page.getByRole("button", { name: "All ×1" }).click();
    await page.locator(".answers .answer-2").first().waitFor({ state: "detached" });
    assert.deepEqual(await percents(page, 0), model);

    await firing(page).first().locator("a").click();
    await page.locator("h2", { hasText: /^Feature \d+/ }).waitFor();
    await page.goBack();
    await firing(page).first().waitFor();
  });
});

test("a picture can be dropped, pasted or picked from the page's own, and what is none is refused in words", async (t) => {
  const allowed = /status of 422/;
  await meet(t, { hash: "#view=picture", allowed }, async (page) => {
    const transfer = await page.evaluateHandle(`(() => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob("${other.toString("base64")}"), (sign) => sign.charCodeAt(0));
      data.items.add(new File([bytes], "x.png", { type: "image/png" }));
      return (window.transfer = data);
    })()`);
    await page.locator(".drop").dispatchEvent("drop", { dataTransfer: transfer });
    await firing(page).first().waitFor();
    const dropped = await firing(page).allTextContents();

    await choose(page, "broken.png", other.subarray(0, 80));
    await page.getByText(/^picture: expected a readable picture, got /).waitFor();
    assert.equal(await firing(page).count(), 0);

    await page.evaluate(`(() => {
      const event = new Event("paste");
      Object.defineProperty(event, "clipboardData", { value: window.transfer });
      window.dispatchEvent(event);
    })()`);
    await firing(page).first().waitFor();
    assert.deepEqual(await firing(page).allTextContents(), dropped);

    await page.getByRole("searchbox", { name: "Words of a caption" }).fill("smiling");
    await page.locator(".tile-button").first().click();
    await page.locator("figcaption", { hasText: "smiling" }).waitFor();
    const address = page.url();
    assert.match(address, /#view=picture&picture=\d+$/);
    const picked = await firing(page).allTextContents();
    await page.reload();
    await firing(page).first().waitFor();
    assert.deepEqual(await firing(page).allTextContents(), picked);
  });
});

test("a picture of more bytes than the limit is not even sent", async (t) => {
  await meet(t, { hash: "#view=picture" }, async (page) => {
    await choose(page, "huge.png", Buffer.alloc(16 * 2 ** 20 + 1));
    await page.getByText("picture: expected at most 16.0 MB, got 16.0 MB").waitFor();
  });
});

test("words rank features by CLIP's similarity; without a server by their labels", async (t) => {
  await meet(t, { hash: "#view=search" }, async (page) => {
    await page.getByRole("searchbox", { name: "Words to search" }).fill("cat");
    await page.getByText("Mean cosine of their strongest pictures with “an emoji of cat”").waitFor();
    const values = (await page.locator(".found .value").allTextContents()).map(Number);
    assert.equal(values.length, 100);
    assert.deepEqual(
      values,
      [...values].sort((a, b) => b - a),
    );
    assert.match(page.url(), /#view=search&words=cat$/);
    await page.reload();
    await page.locator(".found li").first().waitFor();
    await page.locator(".found a").first().click();
    await page.locator("h2", { hasText: /^Feature \d+/ }).waitFor();
  });
  await meet(t, { hash: "#view=search&words=smiling+face", live: false }, async (page) => {
    await page.getByText(/^\d+ features with these words/).waitFor();
    // The description is what is read, the label what is shown on pointing at it.
    const found = page.locator(".found .name span");
    const labels = await page.evaluate<string[]>(
      '[...document.querySelectorAll(".found .name span")].map((span) => span.title)',
    );
    const texts = await found.allTextContents();
    const has = (text: string) => text.includes("smiling") && text.includes("face");
    assert.ok(texts.length > 0 && texts.every((text, i) => has(text) || has(labels[i])));
  });
});

test("notes are saved beside a page that is served, and shown to whoever opens it next", async (t) => {
  const saved = join(root, "notes.json");
  t.after(() => rmSync(saved, { force: true }));
  await meet(t, { hash: "#feature=25" }, async (page) => {
    const answered = page.waitForResponse(
      (response) => response.url().endsWith("api/notes") && response.request().method() === "POST",
    );
    await page.getByLabel("Note", { exact: true }).fill("blue things");
    await answered;
    assert.deepEqual(JSON.parse(readFileSync(saved, "utf8")).features, { 25: { note: "blue things" } });
    await page.evaluate("localStorage.clear()");
    await page.reload();
    await page.locator("h2", { hasText: "Feature 25" }).waitFor();
    while ((await page.getByLabel("Note", { exact: true }).inputValue()) !== "blue things")
      await page.waitForTimeout(20);
  });
});

test("from the folder alone a picture shows the features that have it among their strongest, and says what needs a server", async (t) => {
  await meet(t, { hash: "#view=picture&picture=3", live: false }, async (page) => {
    await page.getByText("npx vitrine explore --serve").waitFor();
    await page.locator(".one-picture .feature-link").first().waitFor();
    const features = (await page.locator(".one-picture .name b").allTextContents()).map(Number);
    const row = study.originals;
    assert.ok(row.rows > 0 && features.length > 0);
    for (const feature of features) {
      const { rows } = study.statistics.top.feature(feature);
      const caption = await page.locator("figcaption").first().innerText();
      assert.ok([...rows].some((one) => caption.startsWith(study.pictures.record(one).caption)));
    }
    assert.equal(await page.locator('input[type="file"]').count(), 0);
    // To a feature and on to the picture on which it is strongest.
    await page.locator(".one-picture .feature-link").first().click();
    const strongest = page.locator("#feature .pictures li").first();
    const title = (await strongest.getAttribute("title")) ?? "";
    await strongest.locator("a").click();
    await page.locator(".one-picture figcaption", { hasText: title }).waitFor();
  });
});

test("ten rounds are played by keys, from the folder alone, with the machine's score beside one's own", async (t) => {
  const blur = (page: Page) =>
    page.evaluate<string>('getComputedStyle(document.querySelector(".hidden-picture .tile")).filter');
  await meet(t, { hash: "#view=guess&game=3", live: false }, async (page) => {
    for (let round = 1; round <= 10; round++) {
      await page.getByText(`Round ${round} of 10`).waitFor();
      assert.equal(await page.locator(".choices button").count(), 4);
      assert.ok((await page.locator(".plot .stem").count()) > 0);
      assert.match(await blur(page), /^blur/);
      assert.equal(await page.locator(".grid-row").count(), 5);
      await page.keyboard.press("2");
      await page.locator(".verdict b").waitFor();
      assert.equal(await page.locator(".choices .right").count(), 1);
      assert.equal(await blur(page), "none");
      // The round's next button has the focus.
      await page.keyboard.press("Enter");
    }
    const table = await page.locator(".scores").innerText();
    assert.match(table, /you\s+\d+ of 10/);
    assert.match(table, /the machine\s+\d+ of 10\s+[\d.]+% ± [\d.]+% over 200 rounds/);
    assert.match(table, /chance\s+2\.5 of 10\s+25\.0%/);
    await page.getByRole("button", { name: "Play again" }).click();
    await page.getByText("Round 1 of 10").waitFor();
    assert.match(page.url(), /game=4$/);
  });
});

test("a server that has ended is told of", async (t) => {
  if (!browser) return t.skip(NO_CHROMIUM);
  const brief = await serveLive(root, study);
  const page = await browser.newPage();
  await page.goto(`${brief.url}index.html#view=picture`);
  await page.locator(".tile-button").first().waitFor();
  await brief.close();
  await page.locator(".tile-button").first().click();
  await page.getByText("The server does not answer any more").waitFor();
  await page.close();
});

test("on a phone every view fits", async (t) => {
  for (const view of ["picture&picture=5", "search&words=cat", "guess"]) {
    await meet(t, { hash: `#view=${view}`, width: 390 }, async (page) => {
      await page.locator(".firing li, .found li, .choices button").first().waitFor();
    });
  }
});

test("many pixels in a small file are refused", async (t) => {
  const blank = { create: { width: 8000, height: 8000, channels: 3 as const, background: "white" } };
  const png = await sharp(blank).png({ compressionLevel: 9 }).toBuffer();
  await meet(t, { hash: "#view=picture", allowed: /status of 422/ }, async (page) => {
    await choose(page, "blank.png", png);
    await page.getByText(/pixel limit/).waitFor();
  });
});
