/** The whole thing as a person meets it: JupyterLab in a real browser, Run All, and a figure that is drawn. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { chromium, type Page } from "playwright-core";

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
    await page.getByText("TypeScript (Vitrine)").first().waitFor({ state: "attached", timeout: MINUTE });
    await page.click('.lm-MenuBar-itemLabel:has-text("Run")');
    await page.click('.lm-Menu-itemLabel:text-is("Run All Cells")');

    // JupyterLab keeps only what is near the viewport: look for marks cell by cell, and read them where they are seen.
    const plot = ".js-plotly-plot .main-svg";
    const lines = await scrollUntil(page, `${plot} .scatterlayer path.js-line`, "d", 6 * MINUTE);
    assert.ok(
      lines.some((d) => d.split("L").length + d.split("C").length > 3),
      `curves of several points, got ${lines}`,
    );
    const bars = await scrollUntil(page, `${plot} .barlayer .point path`, "d", 2 * MINUTE);
    assert.ok(bars.length > 0 && bars.every((d) => d.startsWith("M")), `bars of a histogram, got ${bars}`);
    const grids = await scrollUntil(page, ".jp-RenderedImage img", "src", MINUTE);
    assert.ok(grids.some((src) => src.startsWith("data:image/png") || src.startsWith("blob:")));
    assert.equal(await page.locator('.jp-OutputArea-output[data-mime-type*="error"]').count(), 0);
  } finally {
    await browser?.close();
    lab.kill("SIGTERM");
    await new Promise((done) => (lab.exitCode === null ? lab.once("exit", done) : done(undefined)));
    await rm(copy, { force: true });
    await rm(profile, { recursive: true, force: true });
  }
});

/** Scrolls through the notebook until elements match, and gives their attribute; at most `timeout` milliseconds. */
async function scrollUntil(
  page: Page,
  selector: string,
  attribute: string,
  timeout: number,
): Promise<string[]> {
  const end = Date.now() + timeout;
  for (;;) {
    const found = await page
      .locator(selector)
      .evaluateAll(
        (elements, name) => elements.map((element) => element.getAttribute(name) ?? ""),
        attribute,
      );
    if (found.length > 0) return found;
    const errors = await page.locator('.jp-OutputArea-output[data-mime-type*="error"]').allTextContents();
    assert.deepEqual(errors, [], "no cell fails");
    assert.ok(Date.now() < end, `expected ${selector} within ${timeout / 1000} s`);
    await page
      .locator(".jp-WindowedPanel-outer")
      .first()
      .evaluate((panel) => {
        const { scrollTop, scrollHeight, clientHeight } = panel;
        panel.scrollTop = scrollTop + clientHeight >= scrollHeight - 1 ? 0 : scrollTop + clientHeight / 2;
      });
    await page.waitForTimeout(500);
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
