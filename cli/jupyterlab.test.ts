/** The whole thing as a person meets it: JupyterLab in a real browser, Run All, and a figure that is drawn. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";

const ROOT = resolve(__dirname, "..");
const MINUTE = 60_000;

/** Small enough for a test; everything else is the notebook's own. */
const REDUCED: Record<string, string> = {
  viewsPerPicture: "1",
  steps: "80",
  warmUpSteps: "10",
  expansionFactor: "4",
};

test("Run All in JupyterLab draws the training notebook's figures and raises no error", async (t) => {
  const { findBrowser } = await import("./browser.mjs");
  const executablePath = findBrowser();
  if (!executablePath) {
    t.skip("no Chromium found (install chromium, or set VITRINE_CHROMIUM to a browser's path)");
    return;
  }
  // A copy, because JupyterLab saves what it runs; in notebooks/, because cells import "../lib".
  const name = `jupyterlab-test-${process.pid}.ipynb`;
  const copy = join(ROOT, "notebooks", name);
  const profile = await mkdtemp(join(tmpdir(), "vitrine-browser-"));
  await writeFile(copy, await reducedNotebook());
  const port = await freePort();
  const lab = spawn(process.execPath, ["cli/vitrine.mjs", "start", "--no-browser", "--port", String(port)], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let browser: Awaited<ReturnType<typeof chromium.launchPersistentContext>> | undefined;
  try {
    const token = await tokenOf(lab);
    browser = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      viewport: { width: 1400, height: 1000 },
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/lab/tree/notebooks/${name}?token=${token}`);
    await page.waitForSelector(".jp-Notebook .jp-CodeCell", { timeout: 2 * MINUTE });
    await page.getByText("TypeScript (Vitrine)").first().waitFor({ timeout: MINUTE });
    await page.click('.lm-MenuBar-itemLabel:has-text("Run")');
    await page.click('.lm-Menu-itemLabel:text-is("Run All Cells")');

    // JupyterLab draws only what is near the viewport: look at the outputs cell by cell.
    const drawn = (marks: string) => `.js-plotly-plot .main-svg ${marks}`;
    await scrollUntil(page, drawn(".scatterlayer .trace path.js-line"), 6 * MINUTE);
    const line = await page.locator(drawn(".scatterlayer .trace path.js-line")).first().getAttribute("d");
    assert.ok(
      (line?.match(/[ML]/g) ?? []).length > 0 || (line?.length ?? 0) > 20,
      `a line with points, got "${line}"`,
    );
    await scrollUntil(page, drawn(".barlayer .point path"), 3 * MINUTE);
    const axis = await page.locator(drawn(".xtitle")).last().textContent();
    assert.match(axis ?? "", /sparsity/);
    await scrollUntil(page, "[data-mime-type='image/png'] img, .jp-RenderedImage img", MINUTE);
    assert.equal(await page.locator('.jp-OutputArea-output[data-mime-type*="error"]').count(), 0);
  } finally {
    await browser?.close();
    lab.kill("SIGINT");
    await new Promise((done) => (lab.exitCode === null ? lab.once("exit", done) : done(undefined)));
    await rm(copy, { force: true });
    await rm(profile, { recursive: true, force: true });
  }
});

/** Scrolls through the notebook until something matches, at most `timeout` milliseconds. */
async function scrollUntil(
  page: import("playwright-core").Page,
  selector: string,
  timeout: number,
): Promise<void> {
  const end = Date.now() + timeout;
  while ((await page.locator(selector).count()) === 0) {
    const errors = await page.locator('.jp-OutputArea-output[data-mime-type*="error"]').allTextContents();
    assert.deepEqual(errors, [], "no cell fails");
    assert.ok(Date.now() < end, `expected ${selector} within ${timeout / 1000} s`);
    const outer = page.locator(".jp-WindowedPanel-outer").first();
    await outer.evaluate((panel) => {
      const { scrollTop, scrollHeight, clientHeight } = panel as {
        scrollTop: number;
        scrollHeight: number;
        clientHeight: number;
      };
      const next = scrollTop + clientHeight / 2;
      (panel as { scrollTop: number }).scrollTop =
        next + clientHeight >= scrollHeight + clientHeight / 2 ? 0 : next;
    });
    await page.waitForTimeout(700);
  }
}

async function reducedNotebook(): Promise<string> {
  const notebook = JSON.parse(await readFile(join(ROOT, "notebooks", "01-training.ipynb"), "utf8"));
  for (const cell of notebook.cells) {
    if (cell.cell_type === "code") [cell.outputs, cell.execution_count] = [[], null];
    if (!cell.metadata.tags?.includes("parameters")) continue;
    let source = [cell.source].flat().join("");
    for (const [parameter, value] of Object.entries(REDUCED)) {
      const changed = source.replace(
        new RegExp(`const ${parameter} = [^;]+;`),
        `const ${parameter} = ${value};`,
      );
      assert.notEqual(changed, source, `the notebook has the parameter ${parameter}`);
      source = changed;
    }
    cell.source = source;
  }
  return JSON.stringify(notebook);
}

/** The token in the address that the server prints. */
function tokenOf(lab: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let printed = "";
    const timer = setTimeout(() => failed(new Error(`no address within 3 minutes:\n${printed}`)), 3 * MINUTE);
    const read = (part: Buffer) => {
      printed += part;
      const token = /127\.0\.0\.1:\d+\/lab\S*[?&]token=([0-9a-f]+)/.exec(printed)?.[1];
      if (!token) return;
      clearTimeout(timer);
      found(token);
    };
    lab.stdout?.on("data", read);
    lab.stderr?.on("data", read);
    lab.once("exit", (code) => failed(new Error(`JupyterLab ended with ${code}:\n${printed}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => found(typeof address === "object" && address ? address.port : 0));
    });
  });
}
