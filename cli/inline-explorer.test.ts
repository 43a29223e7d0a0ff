/** `explore` in a cell as a person meets it in JupyterLab: the page inside of the notebook, live, gone with its kernel, and a sentence in what is saved. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NO_CHROMIUM } from "./chromium";
import { LabBrowser, MINUTE, notebookOf, ROOT } from "./lab-browser";

let lab: LabBrowser | undefined;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-inline-explorer-"));
  lab = await LabBrowser.start();
});
after(async () => {
  await lab?.close();
  await rm(folder, { recursive: true, force: true });
});

test("a cell shows the explorer, which looks at a picture; the saved notebook has a sentence; the server ends with the kernel", async (t) => {
  if (!lab) {
    t.skip(NO_CHROMIUM);
    return;
  }
  const opening = `import { explore } from "../explorer";
import { smallStudy } from "../explorer/studies/small-study";
const study = await smallStudy();`;
  const exploring = `await explore(study, { folder: ${JSON.stringify(join(folder, "page"))} })`;
  await lab.show("inline-explorer", notebookOf(opening, exploring), async (page) => {
    await page.locator(".jp-CodeCell").nth(0).locator(".cm-content").click();
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Shift+Enter");
    const frame = page.locator(".jp-OutputArea iframe");
    await frame.waitFor({ timeout: 3 * MINUTE });
    const url = (await frame.getAttribute("src")) ?? "";
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
    const inside = page.frameLocator(".jp-OutputArea iframe");
    await inside.getByText("3,072 features").first().waitFor({ timeout: MINUTE });
    await inside.getByRole("link", { name: "Picture" }).click();
    await inside.locator(".tile-button").first().click();
    await inside.locator(".firing li").first().waitFor({ timeout: MINUTE });

    // The page in the frame has the keyboard until the notebook is clicked.
    await page.locator(".jp-CodeCell").nth(0).locator(".cm-content").click();
    await page.keyboard.press("Control+s");
    await page.locator(".jp-mod-dirty").first().waitFor({ state: "hidden", timeout: MINUTE });
    const notebooks = join(ROOT, "notebooks");
    const name = (await readdir(notebooks)).find((file) => file.includes("jupyterlab-test-inline-explorer"));
    const saved = await readFile(join(notebooks, String(name)), "utf8");
    assert.match(
      saved,
      /<p>The explorer of this SAE&#39;s features shows here while the notebook&#39;s kernel runs/,
    );
    assert.ok(!saved.includes(new URL(url).pathname), "no token is saved");

    // The same page again takes the old server's place.
    await page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click();
    await page.keyboard.press("Shift+Enter");
    await page.locator(`.jp-OutputArea iframe:not([src="${url}"])`).waitFor({ timeout: 3 * MINUTE });
    await assert.rejects(fetch(url), "the first server has ended");
    const second = (await frame.getAttribute("src")) ?? "";
    assert.equal((await fetch(second)).status, 200);

    await page.click('[data-command="notebook:restart-kernel"]');
    await page.click('.jp-Dialog button:has-text("Restart")');
    await assert.doesNotReject(ended(second));
  });
});

/** Waits until nobody answers at an address. */
async function ended(url: string): Promise<void> {
  const until = Date.now() + MINUTE;
  while (Date.now() < until) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (!answered) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`expected ${url} to end with its kernel, got an answer`);
}
