/** The whole thing as a person meets it: JupyterLab in a real browser, its buttons and menus, and a figure that is drawn. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { NO_CHROMIUM } from "./chromium";
import { LabBrowser, MINUTE, notebookOf, ROOT, runAll } from "./lab-browser";

/** Small enough for a test; everything else is the notebook's own. */
const REDUCED: Record<string, string> = {
  viewsPerPicture: "1",
  steps: "80",
  warmUpSteps: "10",
  expansion: "4",
  modelPictures: "64",
};

/** One JupyterLab for all of these tests. */
let lab: LabBrowser | undefined;

before(async () => {
  lab = await LabBrowser.start();
});

after(() => lab?.close());

/** Uses the notebook in JupyterLab, unless there is no browser: then the test is skipped. */
async function meet(t: TestContext, title: string, notebook: object, use: (page: Page) => Promise<void>) {
  if (lab) return lab.show(title, notebook, use);
  t.skip(NO_CHROMIUM);
}

test("Run All draws the training notebook's figures and raises no error", async (t) => {
  await meet(t, "training", await reducedNotebook(), async (page) => {
    await runAll(page);
    // JupyterLab keeps only what is near the viewport: look for marks cell by cell, and read them where they are seen.
    const plot = ".js-plotly-plot .main-svg";
    // In a new clone the activations of 23,945 pictures come first.
    const lines = await scrollUntil(page, `${plot} .scatterlayer path.js-line`, "d", 15 * MINUTE);
    assert.ok(
      lines.some((d) => d.split("L").length + d.split("C").length > 3),
      `curves of several points, got ${lines}`,
    );
    const bars = await scrollUntil(page, `${plot} .barlayer .point path`, "d", 2 * MINUTE);
    assert.ok(bars.length > 0 && bars.every((d) => d.startsWith("M")), `bars of a histogram, got ${bars}`);
    const grids = await scrollUntil(page, ".jp-RenderedImage img", "src", MINUTE);
    assert.ok(grids.some((src) => /^(data:image\/(png|jpeg);|blob:)/.test(src)));
    assert.equal(await page.locator('.jp-OutputArea-output[data-mime-type*="error"]').count(), 0);
  });
});

test("a cell is interrupted from the toolbar, and what it had done is kept; a restarted kernel has forgotten it", async (t) => {
  const first = "const settings = { learningRate: 0.1, layers: 2 };\nconsole.log('layers', settings.layers);";
  const endless =
    "let steps = 0;\nconsole.log('begun');\nfor (;;) {\n  await new Promise((resolve) => setTimeout(resolve, 5));\n  steps++;\n}";
  const last = "console.log('kept', steps > 2, settings.layers);";
  await meet(t, "interrupt", notebookOf(first, endless, last), async (page) => {
    await runAll(page);
    await outputOf(page, 1).getByText("begun").waitFor({ timeout: MINUTE });
    await page.waitForTimeout(300);
    await page.click('[data-command="notebook:interrupt-kernel"]');
    await outputOf(page, 1).getByText("KeyboardInterrupt").first().waitFor({ timeout: 20_000 });
    await runCell(page, 2);
    await outputOf(page, 2).getByText("kept true 2").waitFor({ timeout: 20_000 });

    await page.click('[data-command="notebook:restart-kernel"]');
    await page.click('.jp-Dialog button:has-text("Restart")');
    await page.waitForTimeout(500);
    await runCell(page, 2);
    await outputOf(page, 2).getByText("Cannot find name").first().waitFor({ timeout: MINUTE });
    await runCell(page, 0);
    await outputOf(page, 0).getByText("layers 2").waitFor({ timeout: 20_000 });
  });
});

test("Tab offers typed members of an earlier cell's value, Shift-Tab shows what they are", async (t) => {
  const declared =
    "/** How far a step goes. */\nfunction stepSize(rate: number): number { return rate; }\nconst settings = { learningRate: 0.1, layers: 2 };\nconsole.log('declared');";
  await meet(t, "completion", notebookOf(declared, ""), async (page) => {
    await runCell(page, 0);
    await outputOf(page, 0).getByText("declared").waitFor({ timeout: MINUTE });
    await editorOf(page, 1).click();
    await page.keyboard.type("settings.l");
    await page.keyboard.press("Tab");
    const offered = page.locator(".jp-Completer-item");
    await offered.first().waitFor({ timeout: 20_000 });
    const texts = await offered.allTextContents();
    assert.ok(
      texts.some((text) => text.includes("learningRate")) && texts.some((text) => text.includes("layers")),
      `${texts}`,
    );
    assert.ok(!texts.some((text) => text.includes("toString")), "only what begins with l");
    await page.keyboard.press("Escape");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("stepSize(");
    await page.keyboard.press("Shift+Tab");
    // It opens empty and is filled when the kernel has answered.
    const tooltip = page.locator(".jp-Tooltip", { hasText: "stepSize" });
    await tooltip.waitFor({ timeout: 20_000 });
    const shown = (await tooltip.textContent()) ?? "";
    assert.match(shown, /function stepSize\(rate: number\): number/);
    assert.match(shown, /How far a step goes/);
  });
});

test("a breakpoint in a cell stops it there, and the debugger shows its variables", async (t) => {
  await meet(t, "debugger", notebookOf("const left = 20;\nconst right = left + 22;\nright"), async (page) => {
    const gutter = editorOf(page, 0).locator(".cm-breakpoint-gutter .cm-gutterElement");
    await startDebugger(page, gutter.nth(2));
    // The first element is the gutter's own spacer.
    await gutter.nth(2).click();
    await page.locator(".jp-DebuggerBreakpoint").first().waitFor({ timeout: 20_000 });
    await runCell(page, 0);
    const variables = page.locator(".jp-DebuggerVariables");
    await variables.getByText("left").first().waitFor({ timeout: MINUTE });
    assert.match((await variables.textContent()) ?? "", /left.*20/s);
    assert.equal(await outputOf(page, 0).getByText("42").count(), 0, "the line is not run yet");
    await page.locator('[data-command="debugger:continue"]').first().click();
    await outputOf(page, 0).getByText("42").waitFor({ timeout: 20_000 });
  });
});

/** JupyterLab loses a click on the bug while it still asks what the kernel can do: clicked again as long as it is not pressed. */
async function startDebugger(page: Page, started: Locator): Promise<void> {
  const bug = page.locator(".jp-DebuggerBugButton");
  const until = Date.now() + 3 * MINUTE;
  for (;;) {
    if ((await bug.getAttribute("aria-pressed", { timeout: MINUTE })) !== "true") await bug.click();
    try {
      return await started.waitFor({ state: "attached", timeout: 10_000 });
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}

function cellOf(page: Page, index: number): Locator {
  return page.locator(".jp-Notebook .jp-CodeCell").nth(index);
}

function editorOf(page: Page, index: number): Locator {
  return cellOf(page, index).locator(".jp-InputArea-editor");
}

function outputOf(page: Page, index: number): Locator {
  return cellOf(page, index).locator(".jp-OutputArea");
}

async function runCell(page: Page, index: number): Promise<void> {
  await editorOf(page, index).locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+Enter");
}

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

async function reducedNotebook(): Promise<object> {
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
  return notebook;
}
