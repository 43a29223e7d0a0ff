/** The page as a person meets it: opened from its folder in a real browser. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { launchChromium, NO_CHROMIUM } from "../cli/chromium";
import { buildPage } from "./build/build-page";
import { clusterNames } from "./page/clusters";
import { HOSTILE, reducedWorld } from "./studies/reduced-world";

const root = mkdtempSync(join(tmpdir(), "explorer-page-"));
let browser: Browser | undefined;

before(async () => {
  browser = await launchChromium();
  if (browser) await buildPage(root, reducedWorld(), { chunk: 128 });
});
after(async () => {
  await browser?.close();
  rmSync(root, { recursive: true, force: true });
});

/** Opens the page and fails if any request leaves the folder or any script fails; skipped without a browser. */
async function meet(t: TestContext, hash: string, use: (page: Page) => Promise<void>, width = 1200) {
  if (!browser) return t.skip(NO_CHROMIUM);
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
    await page.getByLabel("Sort by").selectOption("density");
    assert.deepEqual(await firstRows(page, 298), [298, 297, 296]);
    await page.locator('.row[data-feature="297"]').click();
    await opened(page, 297);
    assert.match(page.url(), /#feature=297&sort=density$/);
    assert.deepEqual(await page.locator(".pictures b").allTextContents(), [
      ...["9.00", "8.00", "7.00", "6.00"],
      // Of the stronger and the weaker half of its firings.
      ...["8.00", "6.00", "4.00", "2.00"],
    ]);
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
    await page.getByRole("searchbox").fill("dog");
    await page.locator(".count", { hasText: "99 of 300" }).waitFor();
    assert.deepEqual(await firstRows(page, 2), [2, 5, 8]);
    await page.getByRole("searchbox").fill("");
    const box = (await page.locator("#map canvas").boundingBox())!;
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
    await page.locator(".chip").click();
    // Feature 99: density 0.1 of 0.001 to 0.299, mean activation 1 + 693 mod 50 / 10 = 5.3 of 1 to 5.9, each on a scale of log10 with 2% around it.
    const share = (value: number, low: number, high: number) =>
      (Math.log10(value / low) / Math.log10(high / low) + 0.02) / 1.04;
    const [left, right, top, bottom] = [60, 12, 10, 38];
    await page.mouse.click(
      box.x + left + share(0.1, 0.001, 0.299) * (box.width - left - right),
      box.y + box.height - bottom - share(5.3, 1, 5.9) * (box.height - top - bottom),
    );
    await opened(page, 99);
  });
});

test("every measure sorts, and keys go to the first, the last, a random one and the filter", async (t) => {
  await meet(t, "", async (page) => {
    const sorts = { meanActivation: [7, 57, 107], entropy: [19, 39, 59], mlpCosine: [23, 123, 223] };
    for (const [measure, first] of Object.entries(sorts)) {
      await page.getByLabel("Sort by").selectOption(measure);
      assert.deepEqual(await firstRows(page, first[0]), first);
    }
    await page.getByLabel("at least of the measure sorted by").fill("0.895");
    await page.locator(".count", { hasText: "30 of 300" }).waitFor();
    assert.match(page.url(), /#sort=mlpCosine&least=0.895$/);
    await page.getByLabel("at most of the measure sorted by").fill("0.9");
    await page.reload();
    await page.locator(".count", { hasText: "3 of 300" }).waitFor();
    await page.getByLabel("at least of the measure sorted by").fill("");
    await page.getByLabel("at most of the measure sorted by").fill("");
    await page.locator(".count", { hasText: "300 of 300" }).waitFor();
    await page.getByRole("button", { name: "Falling" }).click();
    // Of the features with cosine 0, the first three.
    assert.deepEqual(await firstRows(page, 0), [0, 100, 200]);
    await page.keyboard.press("End");
    await opened(page, 223);
    await page.keyboard.press("Home");
    await opened(page, 0);
    await page.keyboard.press("/");
    await page.keyboard.type("dog");
    await page.locator(".count", { hasText: "99 of 300" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("r");
    const feature = Number(/feature=(\d+)/.exec(page.url())?.[1]);
    assert.equal(feature % 3, 2, "one of the list");
    await opened(page, feature);
  });
});

test("a list that moves keeps the rows that stay in view; one that flies has its pictures when it rests", async (t) => {
  await meet(t, "", async (page) => {
    await page.locator("#row-5 img").waitFor({ state: "attached" });
    // Looks at the moment at which a row is drawn.
    const [isKept, pictures] = await page.evaluate<[boolean, number]>(`(async () => {
      const list = document.querySelector(".list");
      const scroll = (to, row) => new Promise((done) => {
        const observer = new MutationObserver(() => {
          const found = document.querySelector(row);
          if (!found) return;
          observer.disconnect();
          done(found);
        });
        observer.observe(list, { childList: true, subtree: true });
        list.scrollTop = to;
      });
      const kept = document.querySelector("#row-5");
      await scroll(48, "#row-" + (Math.ceil(list.clientHeight / 48) + 4));
      const isKept = kept === document.querySelector("#row-5");
      const far = await scroll(6000, "#row-125");
      return [isKept, far.querySelectorAll("img").length];
    })()`);
    assert.ok(isKept);
    assert.equal(pictures, 0);
    await page.locator("#row-125 img").waitFor({ state: "attached" });
    assert.equal(await page.locator(".row:not(:has(img))").count(), 0);
  });
});

test("labels and nearest names are bars, and every plot has titled axes", async (t) => {
  await meet(t, "#feature=4", async (page) => {
    await opened(page, 4);
    const bars = (title: string) => page.locator("section", { hasText: title }).last().locator("li");
    // Its four pictures are rows 4, 7, 10 and 13, all of label 1.
    assert.deepEqual(await bars("Labels of its 4 strongest pictures").locator("span").allTextContents(), [
      HOSTILE,
      "100%",
    ]);
    assert.deepEqual(await bars("Nearest names by the logit lens").locator("span").allTextContents(), [
      ...[HOSTILE, "0.500"],
      ...["dog\u2028", "0.400"],
    ]);
    const titles = (await page.locator(".plot text").allTextContents()).join("|");
    for (const title of ["activation", "pictures", "neuron", "cosine"])
      assert.match(titles, new RegExp(title));
  });
});

test("in the dark theme paper is darker than ink, and whatever can be used has a name in both", async (t) => {
  await meet(t, "#feature=4", async (page) => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await opened(page, 4);
      await page.locator(".row").first().waitFor();
      const [paper, ink] = await page.evaluate<number[]>(`(() => {
        const { backgroundColor, color } = getComputedStyle(document.body);
        return [backgroundColor, color].map((css) => css.match(/[\\d.]+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0));
      })()`);
      assert.equal(paper < ink, colorScheme === "dark", `${colorScheme}: paper ${paper}, ink ${ink}`);
      assert.ok(Math.abs(paper - ink) > 300, "and they are far apart");
    }
    const nameless = await page.evaluate<
      string[]
    >(`[...document.querySelectorAll("button, a, input, select, textarea, [role]")]
      .filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.labels?.length || e.title || e.textContent.trim() || e.querySelector("img[alt]:not([alt=''])") || e.getAttribute("role") === "status"))
      .map((e) => e.outerHTML.slice(0, 120))`);
    assert.deepEqual(nameless, []);
  });
});

test("clusters, labels, mixed features and words of descriptions filter, and each has an address", async (t) => {
  await meet(t, "", async (page) => {
    const count = (text: string) => page.locator(".count", { hasText: `${text} of 300` }).waitFor();
    await page.getByLabel("Cluster").selectOption("stronger half");
    await count("149");
    assert.deepEqual(await firstRows(page, 1), [1, 3, 5]);
    await page.getByLabel("Label: class").selectOption("cat");
    await count("50");
    await page.getByLabel("label entropy above 0").check();
    await count("50");
    assert.match(page.url(), /#cluster=2&label=0&mixed=1$/);
    await page.getByLabel("Cluster").selectOption("weaker half");
    // Features 0, 60, 120, … have entropy 0.
    await count("45");
    await page.reload();
    await count("45");
    await page.goBack();
    await count("50");
    await page.goto(`${pathToFileURL(join(root, "index.html")).href}#text=whisk`);
    await count("75");
    assert.deepEqual(await firstRows(page, 2), [2, 6, 10]);
  });
});

test("a feature's plots, heatmaps and test are there, and say in words what they show", async (t) => {
  await meet(t, "#feature=4", async (page) => {
    await opened(page, 4);
    await page.getByText("Score +0.020").waitFor();
    assert.equal(await page.locator(".description").textContent(), "red heart");
    // Bins hold 0, 5, … 25 pictures; the last one goes from 2^2.5 to 2^3.
    await page
      .getByRole("img", { name: "Histogram of the activations: most pictures, 25, between 5.66 and 8.00" })
      .waitFor();
    assert.equal(await page.locator(".plot .bar").count(), 5);
    // The encoder vector is the second axis; the neurons are axes, a diagonal of two, and one that points away.
    await page
      .getByRole("img", { name: "Cosine with each of 5 neurons: largest 1.00, with neuron 1" })
      .waitFor();
    const points = (await page.locator("polyline").getAttribute("points"))?.split(" ") ?? [];
    const heights = points.map((point) => Number(point.split(",")[1]));
    assert.equal(points.length, 5);
    const [zero, one] = [heights[0], heights[1]];
    assert.ok(Math.abs((zero - heights[3]) / (zero - one) - Math.SQRT1_2) < 0.01);
    const together = page.locator("section", { hasText: "Features that fire with it" }).last();
    assert.match((await together.locator("li").first().textContent()) ?? "", /^11.*0\.400$/);
    assert.equal(await together.locator("li").count(), 2);
    const veil = page.locator(".heatmap").first();
    assert.equal(await veil.isVisible(), false);
    await page.getByLabel("Heatmaps").check();
    // Of the two strongest, and of all four samples.
    assert.equal(await page.locator(".heatmap:visible").count(), 6);
    const alphas = (selector: string) =>
      page.evaluate(
        `[...document.querySelector("${selector}").getContext("2d").getImageData(0, 0, 2, 2).data].filter((_, i) => i % 4 === 3)`,
      );
    const dark = Math.round(0.85 * 255);
    assert.deepEqual(await alphas(".heatmap"), [0, dark, dark, dark]);
    assert.deepEqual(await alphas(".quantiles .heatmap"), [dark, dark, dark, 0]);
    await page.keyboard.press("j");
    await opened(page, 5);
    assert.equal(await page.locator(".heatmap:visible").count(), 6, "the next feature's are shown too");
  });
});

test("the weaker cluster is called ultra-low density where most of it fires on fewer than 1 picture in 1,000", () => {
  const cluster = Uint8Array.from([0, 1, 1, 1, 2]);
  const names = (...density: number[]) => clusterNames({ cluster, density: Float32Array.from(density) })[1];
  assert.equal(names(0, 1e-4, 9e-4, 0.1, 1e-5), "ultra-low density");
  assert.equal(names(0, 1e-4, 2e-3, 0.1, 1e-5), "weaker half");
});

test("notes are kept over a reload, found by the filter, exported, and imported; nonsense is refused", async (t) => {
  await meet(t, "#feature=7", async (page) => {
    await opened(page, 7);
    await page.getByLabel("Description", { exact: true }).fill("ears");
    await page.getByLabel("Note", { exact: true }).fill(`sharp ${HOSTILE}`);
    await page.reload();
    await opened(page, 7);
    assert.equal(await page.getByLabel("Note", { exact: true }).inputValue(), `sharp ${HOSTILE}`);
    assert.equal(await page.locator('.row[data-feature="7"] .name span').textContent(), "ears");
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export all notes" }).click();
    const path = join(root, "..", `${basename(root)}.json`);
    await (await waiting).saveAs(path);
    t.after(() => rmSync(path, { force: true }));
    const notes = JSON.parse(readFileSync(path, "utf8"));
    assert.deepEqual(notes.features, { 7: { description: "ears", note: `sharp ${HOSTILE}` } });
    notes.features = { 9: { description: "paws" } };
    writeFileSync(path, JSON.stringify(notes));
    await page.getByLabel("Notes to import").setInputFiles(path);
    await page.getByText("Notes on 1 features imported.").waitFor();
    await page.getByRole("searchbox").fill("paws");
    await page.locator(".count", { hasText: "1 of 300" }).waitFor();
    assert.deepEqual(await firstRows(page, 9), [9]);
    notes.features = { 300: { note: "no such feature" } };
    writeFileSync(path, JSON.stringify(notes));
    await page.getByLabel("Notes to import").setInputFiles(path);
    await page.getByText('expected a file that this page exported, got a feature "300"').waitFor();
  });
});

test("the atlas shows pictures by zoom, moves by drag, wheel and keys, and opens features", async (t) => {
  await meet(t, "#view=atlas", async (page) => {
    const canvas = page.locator(".atlas canvas");
    const told = page.locator("#atlas-told");
    await canvas.focus();
    await told.filter({ hasText: "Feature" }).waitFor();
    const zoom = async (text: string) => {
      await page.waitForURL(({ hash }) => decodeURIComponent(hash).includes(text));
    };
    await page.keyboard.press("+");
    await zoom(",1.5");
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + 100, box.y + 100);
    await page.mouse.wheel(0, -400);
    await zoom(",4.077");
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + 100, { steps: 3 });
    await page.mouse.up();
    await page.waitForURL(({ hash }) => !hash.includes("=0.4"));
    const address = page.url();
    await page.keyboard.press("0");
    await zoom("atlas=0.5,0.5,1");
    await page.goto(address);
    await canvas.focus();
    await told.filter({ hasText: "Feature" }).waitFor();
    const words = (await told.textContent()) ?? "";
    await page.keyboard.press("Enter");
    await page.locator("h2", { hasText: words.split(":")[0] }).waitFor();
    await page.goBack();
    await canvas.waitFor();
    assert.equal(page.url(), address);
  });
});

test("hostile names stay text, and a feature that never fires says so", async (t) => {
  await meet(t, "#feature=1", async (page) => {
    await opened(page, 1);
    assert.equal(await page.locator("h2 small").textContent(), HOSTILE);
    assert.equal(await page.locator("#title").textContent(), `reduced ${HOSTILE}`);
    assert.equal(await page.locator('img[src^="https"]').count(), 0);
    assert.equal(await page.title(), `reduced ${HOSTILE}: features`);
    await page.getByRole("searchbox").fill("299");
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
      await page.locator("#map canvas").waitFor({ state: "hidden" });
      await page.getByRole("button", { name: "All features" }).click();
      await page.locator("#map canvas").waitFor();
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
    },
    390,
  );
});
